"""Tenants' own providers of embedding models."""

import uuid
from decimal import Decimal

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("datasets", "0001_initial"),
        ("segments", "0012_modes"),
    ]

    operations = [
        migrations.CreateModel(
            name="ModelProvider",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="The name that datasets use, for example “our-openai”.",
                        max_length=64,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        default="openai",
                        help_text="Which client talks to its models.",
                        max_length=64,
                    ),
                ),
                (
                    "base_url",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="The URL without /embeddings, for example https://api.openai.com/v1",
                        max_length=500,
                        validators=[django.core.validators.URLValidator(schemes=["http", "https"])],
                    ),
                ),
                ("credentials", models.TextField(blank=True, default="", editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="model_providers",
                        to="datasets.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="ProviderModel",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "name",
                    models.CharField(help_text="The model's name at the endpoint.", max_length=255),
                ),
                (
                    "dimensions",
                    models.PositiveIntegerField(
                        default=0, help_text="0 uses the model's own; it is asked once."
                    ),
                ),
                (
                    "request_dimensions",
                    models.BooleanField(
                        default=False,
                        help_text="Request this many from a model with adjustable dimensions (Matryoshka).",
                    ),
                ),
                (
                    "token_limit",
                    models.PositiveIntegerField(
                        default=8192,
                        help_text="A longer text is a bad row; it is never truncated.",
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                (
                    "passage_prefix",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="E5: “passage: ”, with the trailing space.",
                        max_length=255,
                    ),
                ),
                (
                    "query_prefix",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="E5: “query: ”, with the trailing space.",
                        max_length=255,
                    ),
                ),
                (
                    "passage_input_type",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Sent as input_type with passages.",
                        max_length=64,
                    ),
                ),
                (
                    "query_input_type",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Sent as input_type with questions.",
                        max_length=64,
                    ),
                ),
                (
                    "normalise",
                    models.BooleanField(default=True, help_text="Scale vectors to length one."),
                ),
                (
                    "price_per_million",
                    models.DecimalField(
                        decimal_places=6,
                        default=Decimal("0"),
                        help_text="Price per million tokens, in any currency.",
                        max_digits=12,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                ("requests_per_minute", models.PositiveIntegerField(default=0)),
                ("tokens_per_minute", models.PositiveIntegerField(default=0)),
                (
                    "calls",
                    models.PositiveIntegerField(
                        default=4,
                        help_text="Number of simultaneous requests.",
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="concurrency",
                    ),
                ),
                (
                    "batch_texts",
                    models.PositiveIntegerField(
                        default=256,
                        help_text="Maximum number of texts in a request.",
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="models",
                        to="segments.modelprovider",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.AddConstraint(
            model_name="modelprovider",
            constraint=models.UniqueConstraint(
                fields=("tenant", "name"),
                name="model_provider_name_once_per_tenant",
                violation_error_message="The tenant already has a provider with this name.",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelprovider",
            constraint=models.CheckConstraint(
                condition=models.Q(("name__regex", "\\S")), name="model_provider_name_not_blank"
            ),
        ),
        migrations.AddConstraint(
            model_name="modelprovider",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "openai"), _negated=True),
                    ("base_url__regex", "^https?://"),
                    _connector="OR",
                ),
                name="model_provider_endpoint_has_url",
                violation_error_message="An endpoint needs its base URL.",
            ),
        ),
        migrations.AddConstraint(
            model_name="providermodel",
            constraint=models.UniqueConstraint(
                fields=("provider", "name"), name="provider_model_name_once_per_provider"
            ),
        ),
        migrations.AddConstraint(
            model_name="providermodel",
            constraint=models.CheckConstraint(
                condition=models.Q(("name__regex", "\\S")), name="provider_model_name_not_blank"
            ),
        ),
        migrations.AddConstraint(
            model_name="providermodel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("batch_texts__gte", 1), ("calls__gte", 1), ("token_limit__gte", 1)
                ),
                name="provider_model_limits_from_1",
            ),
        ),
        migrations.AddConstraint(
            model_name="providermodel",
            constraint=models.CheckConstraint(
                condition=models.Q(("price_per_million__gte", 0)),
                name="provider_model_price_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="providermodel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("request_dimensions", False), ("dimensions__gte", 1), _connector="OR"
                ),
                name="provider_model_requests_some_dimensions",
                violation_error_message="Enter the number of dimensions to request.",
            ),
        ),
    ]

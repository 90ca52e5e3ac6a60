"""New vectors for a dataset, made while search goes on."""

import uuid
from decimal import Decimal

import django.db.models.deletion
import django.db.models.functions.datetime
import pgvector.django.vector
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("datasets", "0002_owners"),
        ("segments", "0017_switched_off"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ReembeddedVector",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "reembedding_id",
                        "content_hash",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("reembedding_id", models.UUIDField()),
                ("content_hash", models.CharField(max_length=64)),
                ("embedding", pgvector.django.vector.VectorField(null=True)),
                ("refusal", models.TextField(blank=True, default="")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("embedding__isnull", False), ("refusal", "")),
                            models.Q(
                                ("embedding__isnull", True),
                                models.Q(("refusal", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="reembedded_vector_or_refusal",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Reembedding",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("change", "Change of model"),
                            ("fill", "Missing vectors"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "on_error",
                    models.CharField(
                        choices=[("abort", "Publish nothing"), ("skip", "Publish the good rows")],
                        default="abort",
                        max_length=16,
                    ),
                ),
                ("embedding_model_provider", models.CharField(max_length=64)),
                ("embedding_model", models.CharField(max_length=255)),
                ("old_provider", models.CharField(blank=True, default="", max_length=64)),
                ("old_model", models.CharField(blank=True, default="", max_length=255)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting for a worker"),
                            ("embedding", "Embedding"),
                            ("interrupted", "Interrupted, can resume"),
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("epoch", models.PositiveBigIntegerField(default=0)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("lease_owner", models.CharField(blank=True, default="", max_length=255)),
                ("lease_until", models.DateTimeField(null=True)),
                ("not_before", models.DateTimeField(null=True)),
                ("hinted_at", models.DateTimeField(null=True)),
                ("texts_total", models.PositiveBigIntegerField(default=0)),
                ("texts_embedded", models.PositiveBigIntegerField(default=0)),
                ("texts_refused", models.PositiveBigIntegerField(default=0)),
                ("segments_changed", models.PositiveBigIntegerField(default=0)),
                ("embedding_requests", models.PositiveIntegerField(default=0)),
                ("embedding_tokens", models.PositiveBigIntegerField(default=0)),
                (
                    "embedding_cost",
                    models.DecimalField(decimal_places=10, default=Decimal("0"), max_digits=20),
                ),
                ("waits_for", models.TextField(blank=True, default="")),
                ("error_code", models.CharField(blank=True, default="", max_length=64)),
                ("error", models.TextField(blank=True, default="")),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reembeddings",
                        to="datasets.dataset",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reembeddings",
                        to="datasets.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "waiting",
                                    "embedding",
                                    "interrupted",
                                    "completed",
                                    "failed",
                                    "cancelled",
                                ],
                            )
                        ),
                        name="reembedding_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("purpose__in", ["change", "fill"])),
                        name="reembedding_purpose_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("on_error__in", ["abort", "skip"])),
                        name="reembedding_on_error_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("finished_at__isnull", False),
                                ("status__in", ("completed", "failed", "cancelled")),
                            ),
                            models.Q(
                                models.Q(
                                    ("status__in", ("completed", "failed", "cancelled")),
                                    _negated=True,
                                ),
                                ("finished_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="reembedding_final_has_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "failed"), _negated=True),
                            models.Q(
                                models.Q(("error", ""), _negated=True),
                                models.Q(("error_code", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="reembedding_failed_has_reason",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("status__in", ("completed", "failed", "cancelled")), _negated=True
                        ),
                        fields=("dataset",),
                        name="reembedding_one_at_a_time_per_dataset",
                    ),
                ],
            },
        ),
    ]

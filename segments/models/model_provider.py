"""ModelProvider and ProviderModel: a tenant's own way to embedding models, and their terms."""

import uuid
from decimal import Decimal
from typing import ClassVar

from django.core.validators import MinValueValidator, URLValidator
from django.db import models
from django.db.models import Q

from datasets.models import Tenant, not_blank

OPENAI = "openai"


class ModelProvider(models.Model):
    """An endpoint with its key, under the name that the tenant's datasets know it by.

    `kind` is one of `embedding.registry.PROVIDERS`, whose names are those of the installation's
    own providers; a tenant's has another name.

    `credentials` are encrypted (`embedding.credentials`); nobody is shown them again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="model_providers")
    name = models.CharField(
        max_length=64, help_text="What datasets call it, for example “our-openai”."
    )
    kind = models.CharField(max_length=64, default=OPENAI, help_text="What speaks to its models.")
    base_url = models.CharField(
        max_length=500,
        blank=True,
        default="",
        validators=[URLValidator(schemes=["http", "https"])],
        help_text="What stands before /embeddings, for example https://api.openai.com/v1",
    )
    credentials = models.TextField(blank=True, default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="model_provider_name_once_per_tenant",
                violation_error_message="The tenant has a provider of this name already.",
            ),
            not_blank("name", "model_provider_name_not_blank"),
            models.CheckConstraint(
                condition=~Q(kind=OPENAI) | Q(base_url__regex=r"^https?://"),
                name="model_provider_endpoint_has_url",
                violation_error_message="An endpoint needs its base URL.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ProviderModel(models.Model):
    """A model of a provider: what it takes, what it costs, how much of it there is a minute.

    The requests, tokens and calls are those of all workers together; 0 is no limit.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.ForeignKey(ModelProvider, on_delete=models.CASCADE, related_name="models")
    name = models.CharField(max_length=255, help_text="As the endpoint knows it.")
    dimensions = models.PositiveIntegerField(
        default=0, help_text="0 takes what the model gives, and asks it once."
    )
    request_dimensions = models.BooleanField(
        default=False, help_text="Ask for that many, of a model that can be cut (Matryoshka)."
    )
    token_limit = models.PositiveIntegerField(
        default=8_192,
        validators=[MinValueValidator(1)],
        help_text="A longer text is a bad row; it is never cut.",
    )
    passage_prefix = models.CharField(
        max_length=255, blank=True, default="", help_text="E5: “passage: ”, with the blank."
    )
    query_prefix = models.CharField(
        max_length=255, blank=True, default="", help_text="E5: “query: ”, with the blank."
    )
    passage_input_type = models.CharField(
        max_length=64, blank=True, default="", help_text="Sent as input_type with passages."
    )
    query_input_type = models.CharField(
        max_length=64, blank=True, default="", help_text="Sent as input_type with questions."
    )
    normalise = models.BooleanField(default=True, help_text="Bring vectors to length one.")
    price_per_million = models.DecimalField(
        max_digits=12,
        decimal_places=6,
        default=Decimal(0),
        validators=[MinValueValidator(0)],
        help_text="Price of a million tokens, in any currency.",
    )
    requests_per_minute = models.PositiveIntegerField(default=0)
    tokens_per_minute = models.PositiveIntegerField(default=0)
    calls = models.PositiveIntegerField(
        default=4,
        validators=[MinValueValidator(1)],
        verbose_name="concurrency",
        help_text="Requests under way at the same time.",
    )
    batch_texts = models.PositiveIntegerField(
        default=256, validators=[MinValueValidator(1)], help_text="Most texts in a request."
    )

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider", "name"], name="provider_model_name_once_per_provider"
            ),
            not_blank("name", "provider_model_name_not_blank"),
            models.CheckConstraint(
                condition=Q(token_limit__gte=1, calls__gte=1, batch_texts__gte=1),
                name="provider_model_limits_from_1",
            ),
            models.CheckConstraint(
                condition=Q(price_per_million__gte=0), name="provider_model_price_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(request_dimensions=False) | Q(dimensions__gte=1),
                name="provider_model_requests_some_dimensions",
                violation_error_message="Say how many dimensions to ask for.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

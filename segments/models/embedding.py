"""Tenants' model providers, re-embeddings, and the shared budget of an endpoint."""

import uuid
from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator, URLValidator
from django.db import models
from django.db.models import Q
from pgvector.django import VectorField

from datasets.models import Dataset, Tenant, not_blank
from segments.files.options import OnError
from segments.models.job import FINAL_STATUSES, BackgroundJob, JobQuerySet
from segments.models.segment import HASH_CHARS

OPENAI = "openai"


class ModelProvider(models.Model):
    """A tenant's endpoint with its key, under the name that the tenant's datasets use.

    `kind` is a key of `embedding.catalog.PROVIDERS`. Those keys are also the names of the
    installation's own providers, so a tenant's provider needs a different name.

    `credentials` are encrypted (`embedding.credentials`) and never shown again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="model_providers")
    name = models.CharField(
        max_length=64, help_text="The name that datasets use, for example “our-openai”."
    )
    kind = models.CharField(
        max_length=64, default=OPENAI, help_text="Which client talks to its models."
    )
    base_url = models.CharField(
        max_length=500,
        blank=True,
        default="",
        validators=[URLValidator(schemes=["http", "https"])],
        help_text="The URL without /embeddings, for example https://api.openai.com/v1",
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
                violation_error_message="The tenant already has a provider with this name.",
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
    """A provider's model: its limits, its price, and its budget per minute.

    Requests, tokens and calls are shared by all workers; 0 means no limit.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.ForeignKey(ModelProvider, on_delete=models.CASCADE, related_name="models")
    name = models.CharField(max_length=255, help_text="The model's name at the endpoint.")
    dimensions = models.PositiveIntegerField(
        default=0, help_text="0 uses the model's own; it is asked once."
    )
    request_dimensions = models.BooleanField(
        default=False,
        help_text="Request this many from a model with adjustable dimensions (Matryoshka).",
    )
    token_limit = models.PositiveIntegerField(
        default=8_192,
        validators=[MinValueValidator(1)],
        help_text="A longer text is a bad row; it is never truncated.",
    )
    passage_prefix = models.CharField(
        max_length=255,
        blank=True,
        default="",
        help_text="E5: “passage: ”, with the trailing space.",
    )
    query_prefix = models.CharField(
        max_length=255, blank=True, default="", help_text="E5: “query: ”, with the trailing space."
    )
    passage_input_type = models.CharField(
        max_length=64, blank=True, default="", help_text="Sent as input_type with passages."
    )
    query_input_type = models.CharField(
        max_length=64, blank=True, default="", help_text="Sent as input_type with questions."
    )
    normalise = models.BooleanField(default=True, help_text="Scale vectors to length one.")
    price_per_million = models.DecimalField(
        max_digits=12,
        decimal_places=6,
        default=Decimal(0),
        validators=[MinValueValidator(0)],
        help_text="Price per million tokens, in any currency.",
    )
    requests_per_minute = models.PositiveIntegerField(default=0)
    tokens_per_minute = models.PositiveIntegerField(default=0)
    calls = models.PositiveIntegerField(
        default=4,
        validators=[MinValueValidator(1)],
        verbose_name="concurrency",
        help_text="Number of simultaneous requests.",
    )
    batch_texts = models.PositiveIntegerField(
        default=256,
        validators=[MinValueValidator(1)],
        help_text="Maximum number of texts in a request.",
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
                violation_error_message="Enter the number of dimensions to request.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ReembeddingPurpose(models.TextChoices):
    """Why a dataset is re-embedded."""

    CHANGE = "change", "Change of model"
    FILL = "fill", "Missing vectors"


class ReembeddingStatus(models.TextChoices):
    """`waiting ──► embedding ◄─► interrupted`, and from there `completed | failed | cancelled`."""

    WAITING = "waiting", "Waiting for a worker"
    EMBEDDING = "embedding", "Embedding"
    INTERRUPTED = "interrupted", "Interrupted, can resume"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class Reembedding(BackgroundJob):
    """New vectors for a dataset: of another model for all segments, or its own where missing.

    `segments.reembedding.state` moves it.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="reembeddings")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="reembeddings")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    purpose = models.CharField(max_length=16, choices=ReembeddingPurpose.choices)
    on_error = models.CharField(max_length=16, choices=OnError.choices, default=OnError.ABORT)
    embedding_model_provider = models.CharField(max_length=64)
    embedding_model = models.CharField(max_length=255)
    old_provider = models.CharField(max_length=64, blank=True, default="")
    old_model = models.CharField(max_length=255, blank=True, default="")

    status = models.CharField(
        max_length=16, choices=ReembeddingStatus.choices, default=ReembeddingStatus.WAITING
    )

    texts_total = models.PositiveBigIntegerField(default=0)
    texts_embedded = models.PositiveBigIntegerField(default=0)
    texts_refused = models.PositiveBigIntegerField(default=0)
    segments_changed = models.PositiveBigIntegerField(default=0)
    embedding_requests = models.PositiveIntegerField(default=0)
    embedding_tokens = models.PositiveBigIntegerField(default=0)
    embedding_cost = models.DecimalField(max_digits=20, decimal_places=10, default=Decimal(0))

    waits_for = models.TextField(blank=True, default="")

    objects = JobQuerySet["Reembedding"].as_manager()

    class Meta(BackgroundJob.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status__in=ReembeddingStatus.values), name="reembedding_status_known"
            ),
            models.CheckConstraint(
                condition=Q(purpose__in=ReembeddingPurpose.values),
                name="reembedding_purpose_known",
            ),
            models.CheckConstraint(
                condition=Q(on_error__in=OnError.values), name="reembedding_on_error_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=FINAL_STATUSES, finished_at__isnull=False)
                | (~Q(status__in=FINAL_STATUSES) & Q(finished_at__isnull=True)),
                name="reembedding_final_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status=ReembeddingStatus.EMBEDDING) | Q(lease_until__isnull=False),
                name="reembedding_at_work_has_lease",
            ),
            models.CheckConstraint(
                condition=~Q(status=ReembeddingStatus.FAILED) | (~Q(error="") & ~Q(error_code="")),
                name="reembedding_failed_has_reason",
            ),
            models.UniqueConstraint(
                fields=["dataset"],
                condition=~Q(status__in=FINAL_STATUSES),
                name="reembedding_one_at_a_time_per_dataset",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} → {self.embedding_model} ({self.get_status_display()})"

    @property
    def texts_done(self) -> int:
        """How many texts have been embedded or refused."""
        return self.texts_embedded + self.texts_refused

    @property
    def fraction(self) -> float:
        """The share of texts that are done, from 0 to 1."""
        if self.status == ReembeddingStatus.COMPLETED:
            return 1.0
        return min(self.texts_done / self.texts_total, 1.0) if self.texts_total else 0.0


class ReembeddedVector(models.Model):
    """The new vector of a text, by the text's hash, or the reason why the model refuses the text.

    Deleted when its re-embedding has ended. No foreign key, like staged rows.
    """

    pk = models.CompositePrimaryKey("reembedding_id", "content_hash")
    reembedding_id = models.UUIDField()
    content_hash = models.CharField(max_length=HASH_CHARS)
    embedding = VectorField(null=True)
    refusal = models.TextField(blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(embedding__isnull=False, refusal="")
                | (Q(embedding__isnull=True) & ~Q(refusal="")),
                name="reembedded_vector_or_refusal",
            )
        ]

    def __str__(self) -> str:
        return f"{self.content_hash[:12]} of {self.reembedding_id}"


KEY_CHARS = 64


class EmbeddingBudget(models.Model):
    """Two token buckets, for requests and for tokens, that all workers draw from.

    Only `segments/sql/functions/take_budget.sql` and `embedding.rate_limits` change it. No
    request is sent before `quiet_until`: the endpoint asked for a pause.
    """

    key = models.CharField(max_length=KEY_CHARS, primary_key=True)
    requests = models.FloatField()
    tokens = models.FloatField()
    refilled_at = models.DateTimeField()
    quiet_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.key


class EmbeddingCall(models.Model):
    """A request in flight; if its `holder` dies, it stops counting at `until`."""

    id = models.UUIDField(primary_key=True)
    budget = models.ForeignKey(EmbeddingBudget, on_delete=models.CASCADE, related_name="calls")
    tenant_id = models.UUIDField()
    holder = models.TextField()
    until = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["tenant_id"], name="call_by_tenant")]

    def __str__(self) -> str:
        return f"call {self.id} until {self.until}"


class EmbeddingTurn(models.Model):
    """How much of a budget a tenant has used, so that the one with the least goes next.

    `waiting_until` is set while the tenant waits for others to release budget.
    """

    pk = models.CompositePrimaryKey("budget_id", "tenant_id")
    budget = models.ForeignKey(EmbeddingBudget, on_delete=models.CASCADE, related_name="turns")
    tenant_id = models.UUIDField()
    served = models.FloatField(default=0)
    seen_at = models.DateTimeField()
    waiting_until = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(served__gte=0), name="turn_served_not_negative")
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} had {self.served:,.0f} of {self.budget_id}"

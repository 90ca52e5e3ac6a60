"""Reembedding: new vectors for the segments of a dataset, made while search goes on."""

import uuid
from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from pgvector.django import VectorField

from datasets.models import Dataset, Tenant
from segments.models.import_job import OnError
from segments.models.segment import HASH_CHARS


class ReembeddingPurpose(models.TextChoices):
    """What the vectors are for."""

    CHANGE = "change", "Change of model"
    FILL = "fill", "Vectors that are missing"


class ReembeddingStatus(models.TextChoices):
    """`waiting ──► embedding ◄─► interrupted`, and from there `completed | failed | cancelled`."""

    WAITING = "waiting", "Waiting for a worker"
    EMBEDDING = "embedding", "Embedding"
    INTERRUPTED = "interrupted", "Interrupted, can go on"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


FINAL = (
    ReembeddingStatus.COMPLETED,
    ReembeddingStatus.FAILED,
    ReembeddingStatus.CANCELLED,
)


class ReembeddingQuerySet(models.QuerySet["Reembedding"]):
    """Filters on reembeddings."""

    def open(self) -> "ReembeddingQuerySet":
        """Those that have not ended."""
        return self.exclude(status__in=FINAL)


class Reembedding(models.Model):
    """Vectors of another model for all segments of a dataset, or of its own for those without.

    State moves through `segments.reembedding.state` alone, each move under the `epoch` of its
    claim. All times are the database's.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
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
    epoch = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=255, blank=True, default="")
    lease_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    hinted_at = models.DateTimeField(null=True)

    texts_total = models.PositiveBigIntegerField(default=0)
    texts_embedded = models.PositiveBigIntegerField(default=0)
    texts_refused = models.PositiveBigIntegerField(default=0)
    segments_changed = models.PositiveBigIntegerField(default=0)
    embedding_requests = models.PositiveIntegerField(default=0)
    embedding_tokens = models.PositiveBigIntegerField(default=0)
    embedding_cost = models.DecimalField(max_digits=20, decimal_places=10, default=Decimal(0))

    waits_for = models.TextField(blank=True, default="")
    error_code = models.CharField(max_length=64, blank=True, default="")
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = ReembeddingQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
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
                condition=Q(status__in=FINAL, finished_at__isnull=False)
                | (~Q(status__in=FINAL) & Q(finished_at__isnull=True)),
                name="reembedding_final_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status=ReembeddingStatus.FAILED) | (~Q(error="") & ~Q(error_code="")),
                name="reembedding_failed_has_reason",
            ),
            models.UniqueConstraint(
                fields=["dataset"],
                condition=~Q(status__in=FINAL),
                name="reembedding_one_at_a_time_per_dataset",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} → {self.embedding_model} ({self.get_status_display()})"

    @property
    def is_final(self) -> bool:
        """Whether it will never change its state again."""
        return self.status in FINAL

    @property
    def texts_done(self) -> int:
        """How many texts have been dealt with."""
        return self.texts_embedded + self.texts_refused

    @property
    def fraction(self) -> float:
        """How much of the texts has been dealt with, from 0 to 1."""
        if self.status == ReembeddingStatus.COMPLETED:
            return 1.0
        return min(self.texts_done / self.texts_total, 1.0) if self.texts_total else 0.0


class ReembeddedVector(models.Model):
    """The new vector of a text, by the text's hash; or why the model does not take the text.

    Emptied when its reembedding has ended. No foreign key, as with staged rows.
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

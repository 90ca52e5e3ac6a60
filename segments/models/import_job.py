"""ImportJob, the import of one file into one document, and Chunk, a slice of its rows."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from datasets.models import LANGUAGE_CHARS, Dataset, Document, Tenant
from segments.files.options import EmbedWhen, ImportMode, OnError
from segments.models.job import FINAL_STATUSES, BackgroundJob, JobQuerySet


class ImportStatus(models.TextChoices):
    """Where an import stands.

    ```
    waiting ──► preparing ──► embedding ──► publishing ──► completed
       │            │          │  ▲  │           │
       │            │  interrupted┘  │           │
       └────────────┴────────────────┴───────────┴──► failed | cancelled
    ```
    """

    WAITING = "waiting", "Waiting for a worker"
    PREPARING = "preparing", "Reading and checking rows"
    EMBEDDING = "embedding", "Embedding"
    PUBLISHING = "publishing", "Publishing"
    INTERRUPTED = "interrupted", "Interrupted, can resume"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


WORKING_STATUSES = (ImportStatus.PREPARING, ImportStatus.EMBEDDING, ImportStatus.PUBLISHING)
# Phases that one worker holds with a lease on the job; embedding has leases on its chunks.
LEASED_STATUSES = (ImportStatus.PREPARING, ImportStatus.PUBLISHING)
OPEN_STATUSES = (ImportStatus.WAITING, *WORKING_STATUSES, ImportStatus.INTERRUPTED)


class ImportSource(models.TextChoices):
    """Where an import was started from."""

    COMMAND = "command", "Command line"
    ADMIN = "admin", "Admin"
    API = "api", "REST API"
    PROGRAM = "program", "Program"


@dataclass(frozen=True, slots=True)
class Seconds:
    """Durations of an import's phases, in seconds."""

    prepare: float
    embed: float
    publish: float
    total: float


def _between(start: datetime | None, end: datetime | None) -> float:
    return round((end - start).total_seconds(), 3) if start and end else 0.0


class ImportJob(BackgroundJob):
    """The truth about one import, which `segments.imports.state` moves."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="imports")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="imports")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="imports")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    # The failed or cancelled import that this one retries, with the same file.
    retry_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, editable=False, related_name="retries"
    )
    source = models.CharField(max_length=16, choices=ImportSource.choices)
    background = models.BooleanField(default=True)

    file_name = models.CharField(max_length=255)
    file_key = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64)
    file_bytes = models.PositiveBigIntegerField()
    mode = models.CharField(max_length=16, choices=ImportMode.choices, default=ImportMode.APPEND)
    on_error = models.CharField(max_length=16, choices=OnError.choices, default=OnError.ABORT)
    options = models.JSONField(default=dict)
    file_details = models.JSONField(default=dict)
    idempotency_key = models.CharField(max_length=255, null=True)  # noqa: DJ001
    embedding_model_provider = models.CharField(max_length=64, blank=True, default="")
    embedding_model = models.CharField(max_length=255, blank=True, default="")
    embedding_dimensions = models.PositiveIntegerField(null=True)
    # Decided once its rows are counted, where nobody has said when they are embedded.
    puts_off_embedding = models.BooleanField(default=False)
    # What its rows show, if its dataset has no language yet; publishing makes it the dataset's.
    found_language = models.CharField(max_length=LANGUAGE_CHARS, blank=True, default="")

    status = models.CharField(
        max_length=16, choices=ImportStatus.choices, default=ImportStatus.WAITING
    )

    rows_total = models.PositiveBigIntegerField(default=0)
    rows_failed = models.PositiveBigIntegerField(default=0)
    rows_staged = models.PositiveBigIntegerField(default=0)
    rows_embedded = models.PositiveBigIntegerField(default=0)
    rows_reused = models.PositiveBigIntegerField(default=0)
    rows_created = models.PositiveBigIntegerField(default=0)
    rows_updated = models.PositiveBigIntegerField(default=0)
    rows_skipped = models.PositiveBigIntegerField(default=0)
    rows_deleted = models.PositiveBigIntegerField(default=0)
    bytes_read = models.PositiveBigIntegerField(default=0)
    tokens = models.PositiveBigIntegerField(default=0)
    embedding_requests = models.PositiveIntegerField(default=0)
    embedding_tokens = models.PositiveBigIntegerField(default=0)
    embedding_cost = models.DecimalField(max_digits=20, decimal_places=10, default=Decimal(0))
    notices = models.JSONField(default=list)

    prepared_at = models.DateTimeField(null=True)
    embedded_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)
    tidied_at = models.DateTimeField(null=True)

    objects = JobQuerySet["ImportJob"].as_manager()

    class Meta(BackgroundJob.Meta):
        verbose_name = "import"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status__in=ImportStatus.values), name="import_status_known"
            ),
            models.CheckConstraint(
                condition=Q(mode__in=ImportMode.values), name="import_mode_known"
            ),
            models.CheckConstraint(
                condition=Q(on_error__in=OnError.values), name="import_on_error_known"
            ),
            models.CheckConstraint(
                condition=Q(source__in=ImportSource.values), name="import_source_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=FINAL_STATUSES, finished_at__isnull=False)
                | (~Q(status__in=FINAL_STATUSES) & Q(finished_at__isnull=True)),
                name="import_final_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=LEASED_STATUSES) | Q(lease_until__isnull=False),
                name="import_at_work_has_lease",
            ),
            models.CheckConstraint(
                condition=~Q(status=ImportStatus.FAILED) | (~Q(error="") & ~Q(error_code="")),
                name="import_failed_has_reason",
            ),
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True) | Q(status=ImportStatus.COMPLETED),
                name="import_undone_was_completed",
            ),
            models.UniqueConstraint(
                fields=["tenant", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="import_idempotency_key_once_per_tenant",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["lease_until"],
                condition=Q(status__in=OPEN_STATUSES),
                name="import_open_by_lease",
            ),
            models.Index(fields=["tenant", "-created_at"], name="import_history"),
            models.Index(fields=["document", "-created_at"], name="import_history_of_document"),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} → {self.document} ({self.get_status_display()})"

    @property
    def seconds(self) -> "Seconds":
        """How long each phase has taken; zero for one that has not ended."""
        return Seconds(
            prepare=_between(self.started_at, self.prepared_at),
            embed=_between(self.prepared_at, self.embedded_at),
            publish=_between(self.embedded_at, self.finished_at),
            total=_between(self.started_at, self.finished_at),
        )

    @property
    def embeds_later(self) -> bool:
        """Whether its rows are published first and get their vectors afterwards."""
        is_asked_for = self.options.get("embed") == EmbedWhen.LATER
        return bool(self.embedding_model) and (is_asked_for or self.puts_off_embedding)


class ChunkStatus(models.TextChoices):
    """`pending ──► running ──► done | dead`; a running one can be reclaimed after its lease."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


class Chunk(models.Model):
    """The unit of work and the checkpoint of the embed step.

    `attempts` is counted at the claim, so an attempt that kills its worker counts too.
    """

    pk = models.CompositePrimaryKey("job_id", "ordinal")
    # The constraint is made in SQL and cascades in the database, as for all parts of an import.
    job = models.ForeignKey(
        ImportJob, on_delete=models.CASCADE, related_name="chunks", db_constraint=False
    )
    ordinal = models.PositiveIntegerField()
    first_row = models.PositiveBigIntegerField()
    last_row = models.PositiveBigIntegerField()
    status = models.CharField(
        max_length=16, choices=ChunkStatus.choices, default=ChunkStatus.PENDING
    )
    epoch = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=255, blank=True, default="")
    lease_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    rows_embedded = models.PositiveIntegerField(default=0)
    rows_reused = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status__in=ChunkStatus.values), name="chunk_status_known"
            ),
            models.CheckConstraint(
                condition=Q(first_row__gte=1, last_row__gte=F("first_row")),
                name="chunk_rows_in_order",
            ),
            models.CheckConstraint(
                condition=~Q(status=ChunkStatus.RUNNING) | Q(lease_until__isnull=False),
                name="chunk_running_has_lease",
            ),
        ]

    def __str__(self) -> str:
        return f"chunk {self.ordinal} of {self.job_id} ({self.status})"

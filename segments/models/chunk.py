"""Chunk: a slice of an import's staged rows, embedded by one worker at a time."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from segments.models.import_job import ImportJob


class ChunkStatus(models.TextChoices):
    """`pending ──► running ──► done | dead`; a running one whose lease ran out is claimed anew."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


class Chunk(models.Model):
    """The unit of work and the checkpoint of the embed step.

    `attempts` is counted at the claim, so that a chunk that kills its worker is counted too.
    """

    pk = models.CompositePrimaryKey("job_id", "ordinal")
    # Its constraint, like those of the other parts of an import, deletes in the database.
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

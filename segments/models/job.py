"""What every kind of background job has in its row: state, lease, attempts and times."""

import uuid
from typing import ClassVar, Self, TypeVar

from django.db import models
from django.db.models.functions import Now


class JobStatus(models.TextChoices):
    """The states that every kind of job has; each kind adds its own phases between them."""

    WAITING = "waiting", "Waiting for a worker"
    INTERRUPTED = "interrupted", "Interrupted, can resume"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


FINAL_STATUSES = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


class BackgroundJob(models.Model):
    """The truth about one job; messages and cache entries only mirror it.

    Only the kind's `jobs.state_machine.StateMachine` changes its state, by conditional updates
    that carry the `epoch` of their claim (a fencing token: a writer with an outdated epoch
    changes nothing). Triggers keep final states final, epochs rising, and moves along the
    kind's arrows. All times are the database's.

    `attempts` counts the claims of the current phase, `last_error` is the last trouble that
    was not the job's own fault, and `not_before` is when the next claim is allowed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    revision = models.PositiveBigIntegerField(default=0)
    epoch = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=255, blank=True, default="")
    lease_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True, default="")
    enqueued_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=64, blank=True, default="")
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    # Each kind has its own choices, and belongs to a tenant.
    status: "models.CharField[str, str]"
    tenant_id: uuid.UUID

    class Meta:
        abstract = True
        ordering: ClassVar = ["-created_at"]

    @property
    def is_final(self) -> bool:
        """Whether its state will never change again."""
        return self.status in FINAL_STATUSES


J = TypeVar("J", bound=BackgroundJob)


class JobQuerySet(models.QuerySet[J]):
    """Filters on jobs of one kind."""

    def open(self) -> Self:
        """Jobs that have not reached a final state."""
        # Named one by one, as in the condition of the index that finds them.
        return self.filter(status__in=open_statuses(self.model))


def open_statuses(kind: type[BackgroundJob]) -> list[str]:
    """The states of a kind that are not final."""
    choices = kind._meta.get_field("status").flatchoices
    return [status for status, _ in choices if status not in FINAL_STATUSES]

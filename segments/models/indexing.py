"""IndexGeneration: what a dataset's index has of the segments of a range of versions."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from datasets.models import Dataset, Tenant
from datasets.wording import how_many
from segments.models.job import FINAL_STATUSES, BackgroundJob, JobQuerySet


class IndexStatus(models.TextChoices):
    """`waiting ──► building ──► completed`; failed and cancelled from the first two."""

    WAITING = "waiting", "Waiting for a worker"
    BUILDING = "building", "Building"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class IndexGeneration(BackgroundJob):
    """The job that builds a generation of a dataset's index, and, completed, the generation.

    It covers the versions of segments after `from_version` up to `to_version`, its watermark:
    all that were ever committed up to there, none can appear there later. What it has of them
    lies in tables of its own, named by its id (`segments.indexing.parts`). A completed one is
    in use until it is deleted: when a larger one takes its range over, or the model changes.

    `rows` counts the segments of the range when it was built, `vectors` those in the vector
    index, and `dimensions` is theirs; 0 if there is no vector index. `steps_done` of
    `steps_total` is how far `step` is, in rows.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="generations")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    embedding_model_provider = models.CharField(max_length=64, blank=True, default="")
    embedding_model = models.CharField(max_length=255, blank=True, default="")

    status = models.CharField(
        max_length=16, choices=IndexStatus.choices, default=IndexStatus.WAITING
    )

    from_version = models.BigIntegerField(default=0)
    to_version = models.BigIntegerField(default=0)
    rows = models.PositiveBigIntegerField(default=0)
    vectors = models.PositiveBigIntegerField(default=0)
    dimensions = models.PositiveIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)

    step = models.CharField(max_length=64, blank=True, default="")
    steps_done = models.PositiveBigIntegerField(default=0)
    steps_total = models.PositiveBigIntegerField(default=0)
    waits_for = models.TextField(blank=True, default="")
    notes = models.TextField(blank=True, default="")

    objects = JobQuerySet["IndexGeneration"].as_manager()

    class Meta(BackgroundJob.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status__in=IndexStatus.values), name="index_generation_status_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=FINAL_STATUSES, finished_at__isnull=False)
                | (~Q(status__in=FINAL_STATUSES) & Q(finished_at__isnull=True)),
                name="index_generation_final_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status=IndexStatus.BUILDING) | Q(lease_until__isnull=False),
                name="index_generation_at_work_has_lease",
            ),
            models.CheckConstraint(
                condition=~Q(status=IndexStatus.FAILED) | (~Q(error="") & ~Q(error_code="")),
                name="index_generation_failed_has_reason",
            ),
            models.CheckConstraint(
                condition=~Q(status=IndexStatus.COMPLETED)
                | Q(to_version__gte=models.F("from_version")),
                name="index_generation_has_range",
            ),
            models.UniqueConstraint(
                fields=["dataset"],
                condition=~Q(status__in=FINAL_STATUSES),
                name="index_generation_one_at_a_time_per_dataset",
            ),
        ]

    def __str__(self) -> str:
        return (
            f"index of {self.dataset}, {how_many(self.rows, 'row')} ({self.get_status_display()})"
        )

    @property
    def fraction(self) -> float:
        """The share of the work that is done, from 0 to 1."""
        if self.status == IndexStatus.COMPLETED:
            return 1.0
        return min(self.steps_done / self.steps_total, 1.0) if self.steps_total else 0.0

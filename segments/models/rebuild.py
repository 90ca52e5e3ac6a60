"""FullTextRebuild: a job that rebuilds a dataset's full text for another language."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from datasets.models import LANGUAGE_CHARS, Dataset, Tenant
from segments.models.job import FINAL_STATUSES, BackgroundJob, JobQuerySet


class RebuildStatus(models.TextChoices):
    """`waiting ──► rebuilding`, and from there `completed | failed | cancelled`."""

    WAITING = "waiting", "Waiting for a worker"
    REBUILDING = "rebuilding", "Rebuilding"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class FullTextRebuild(BackgroundJob):
    """Rebuilds the full text of a dataset's segments for `language`; `segments.rebuilding` runs it.

    Segments are taken in the order of the keys of their texts; `last_key` and `last_id` are those
    of the last one that is done. `is_begun` says that the dataset has been switched.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="rebuilds")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    language = models.CharField(max_length=LANGUAGE_CHARS, blank=True, default="")
    text_search_config = models.CharField(max_length=63)
    status = models.CharField(
        max_length=16, choices=RebuildStatus.choices, default=RebuildStatus.WAITING
    )
    is_begun = models.BooleanField(default=False)
    segments_total = models.PositiveBigIntegerField(default=0)
    segments_done = models.PositiveBigIntegerField(default=0)
    last_key = models.BigIntegerField(null=True)
    last_id = models.UUIDField(null=True)
    waits_for = models.TextField(blank=True, default="")

    objects = JobQuerySet["FullTextRebuild"].as_manager()

    class Meta(BackgroundJob.Meta):
        verbose_name = "full-text rebuild"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status__in=RebuildStatus.values), name="rebuild_status_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=FINAL_STATUSES, finished_at__isnull=False)
                | (~Q(status__in=FINAL_STATUSES) & Q(finished_at__isnull=True)),
                name="rebuild_final_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status=RebuildStatus.REBUILDING) | Q(lease_until__isnull=False),
                name="rebuild_at_work_has_lease",
            ),
            models.UniqueConstraint(
                fields=["dataset"],
                condition=~Q(status__in=FINAL_STATUSES),
                name="rebuild_one_at_a_time_per_dataset",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} → {self.text_search_config} ({self.get_status_display()})"

    @property
    def fraction(self) -> float:
        """The share of segments that are done, from 0 to 1."""
        if self.status == RebuildStatus.COMPLETED:
            return 1.0
        return min(self.segments_done / self.segments_total, 1.0) if self.segments_total else 0.0

"""Removes by age: files, bad rows, old texts, deliveries of webhooks, failures, heartbeats.

Every hour; builds of indexes that edits and deletions have made worthwhile are started then, too.

The imports themselves stay, as the history of their documents.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now

from segments.indexing import upkeep
from segments.jobs import heartbeats, queue
from segments.models import ImportJob, ProgressSample, RowError, SegmentChange, WebhookDelivery
from segments.uploads import remove_stale_files

logger = logging.getLogger(__name__)

# Everything here is counted in days, so once an hour is exact enough.
HOUR_SECONDS = 3_600
# Containers get a new name with every start; the metrics would list them all for ever.
GONE_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """How many of each were removed, and how many builds of an index were started."""

    files: int = 0
    row_errors: int = 0
    changes: int = 0
    samples: int = 0
    deliveries: int = 0
    queue_failures: int = 0
    machines: int = 0
    builds_started: int = 0


def clean_up_if_due() -> Cleaned | None:
    """Clean up, unless that was done within the last hour."""
    age = heartbeats.age(heartbeats.CLEANING)
    if age is not None and age < HOUR_SECONDS:
        return None
    heartbeats.beat(heartbeats.CLEANING)
    return clean_up()


def clean_up() -> Cleaned:
    """Remove everything that has reached its age."""
    details = timedelta(days=settings.SEGMILL_KEEP_DETAILS_DAYS)
    old = ImportJob.objects.filter(finished_at__lt=Now() - details)
    cleaned = Cleaned(
        files=remove_stale_files(),
        row_errors=_delete(RowError.objects.filter(job__in=old)),
        changes=_delete(
            SegmentChange.objects.filter(
                import_id__isnull=False, changed_at__lt=Now() - details
            ).order_by()
        ),
        samples=_delete(ProgressSample.objects.filter(job__in=old)),
        deliveries=_delete(
            WebhookDelivery.objects.filter(finished_at__lt=Now() - details).order_by()
        ),
        queue_failures=_remove_queue_failures(details),
        machines=heartbeats.forget_machines(GONE_AFTER),
        builds_started=upkeep.start_due_builds(),
    )
    logger.info("clean up: %s", cleaned)
    return cleaned


def _delete(
    rows: QuerySet[RowError]
    | QuerySet[ProgressSample]
    | QuerySet[SegmentChange]
    | QuerySet[WebhookDelivery],
) -> int:
    return rows.delete()[0]


def _remove_queue_failures(age: timedelta) -> int:
    if not queue.has_django_q():
        return 0
    from segments.jobs.django_q_queue import remove_old_failures  # imports its models

    return remove_old_failures(age)

"""Ends imports whose process is gone, and removes staged rows that nobody will ever publish.

A foreground import has no other worker that would go on with it; a dry run has not even a job.
"""

import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from segments.importing import job, staging, state
from segments.importing.silence import is_silent
from segments.models import ImportJob
from segments.models.import_job import ImportStatus

ERROR = (
    "The process that ran this import ended without a word: it was killed, or its machine "
    "stopped. Nothing was imported; import the file again."
)

logger = logging.getLogger(__name__)


def clean_up() -> None:
    """End abandoned foreground imports, and tidy what they and dry runs have left.

    Safe at any time, from any process: live imports and dry runs are left alone.
    """
    end_imports()
    # This walks past the rows of imports that have ended lately, until they are vacuumed.
    for owner in staging.ownerless():
        staging.clear(owner)


def end_imports() -> None:
    """End abandoned foreground imports, each with its reason, and tidy what they have left."""
    for job_id in fail_abandoned_foreground():
        logger.warning("import %s was abandoned by its process", job_id)
        job.settle(job_id)


@transaction.atomic
def fail_abandoned_foreground() -> list[UUID]:
    """End the foreground imports whose process has given no sign of life for a lease's time.

    Returns their ids. Interrupted ones only wait for their model, and say so themselves.
    """
    lease = timedelta(seconds=settings.SEGMILL_LEASE_SECONDS)
    silent = is_silent(lease, leases_over=timedelta(0))
    open_jobs = ImportJob.objects.open().filter(silent, background=False)
    open_jobs = open_jobs.exclude(status=ImportStatus.INTERRUPTED)
    # A process that is publishing holds its job's row, however long it takes.
    unheld = open_jobs.select_for_update(skip_locked=True, no_key=True, of=("self",))
    ids = [gone.pk for gone in unheld.only("pk").order_by("created_at")]
    return [job_id for job_id in ids if state.fail(job_id, "abandoned", ERROR)]

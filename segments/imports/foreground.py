"""Imports that run in the process of the caller, and what is left when that process dies."""

import logging
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import Error, connections, transaction

from segments.db.errors import explained
from segments.exceptions import DatabaseFailed, ImportNotFound, StateConflict, TargetGone
from segments.files.types import Listener
from segments.imports import runner, staging
from segments.imports.state import IMPORT_JOBS
from segments.models import ImportJob
from segments.models.import_job import ImportStatus

ERROR = (
    "The process that ran this import stopped responding: it was killed, or its machine "
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
        runner.settle(job_id)


@transaction.atomic
def fail_abandoned_foreground() -> list[UUID]:
    """End the foreground imports whose process has given no sign of life for a lease's time.

    Returns their ids. Interrupted ones only wait for their model, and say so themselves.
    """
    lease = timedelta(seconds=settings.SEGMILL_LEASE_SECONDS)
    silent = IMPORT_JOBS.stalled(lease, leases_over=timedelta(0))
    open_jobs = ImportJob.objects.open().filter(silent, background=False)
    open_jobs = open_jobs.exclude(status=ImportStatus.INTERRUPTED)
    # A process that is publishing holds its job's row, however long it takes.
    unheld = open_jobs.select_for_update(skip_locked=True, no_key=True, of=("self",))
    ids = [gone.pk for gone in unheld.only("pk").order_by("created_at")]
    return [job_id for job_id in ids if IMPORT_JOBS.fail(job_id, "abandoned", ERROR)]


STOPPED = "Stopped by the user. Nothing was imported."
TAKEN = "Another process took over the import. Nothing was imported; import the file again."
UNFORESEEN = "An unexpected error occurred ({}). Nothing was imported. Please report it."


def run(started: ImportJob, listener: Listener) -> ImportJob:
    """The row of `started` as it ended. Only an interrupted one may still go on, later.

    KeyboardInterrupt cancels it; a database that fails on the way, or a fault of ours, ends it
    as failed. In all these cases nothing of it is visible.

    Raises:
        DatabaseFailed: it failed and stays away, so that not even the end could be recorded.
        TargetGone: the document was deleted meanwhile, and the import's history with it.
    """
    try:
        ended = runner.run(started.pk, listener)
        if ended.is_final or ended.status == ImportStatus.INTERRUPTED:
            return ended
        return _fail(started, "taken_over", TAKEN)
    except KeyboardInterrupt:
        connections.close_all()  # what was under way is rolled back
        return _cancel(started)
    except Error as trouble:
        connections.close_all()
        return _fail_after(started, trouble)
    except ImportNotFound as gone:
        runner.forget(started)
        raise TargetGone(
            "The document was deleted while the import ran. Nothing was imported; "
            "choose another document."
        ) from gone
    except Exception as fault:
        logger.exception("import %s", started.pk)
        what = " ".join(f"{type(fault).__name__}: {fault}".split())
        return _fail(started, "unforeseen", UNFORESEEN.format(what))


def _cancel(started: ImportJob) -> ImportJob:
    with suppress(StateConflict):  # it ended in the same moment; its row says how
        IMPORT_JOBS.cancel(started.pk, STOPPED)
    return runner.settle(started.pk)


def _fail(started: ImportJob, code: str, error: str) -> ImportJob:
    """End the import, unless it ended in that very moment."""
    IMPORT_JOBS.fail(started.pk, code, error)
    return runner.settle(started.pk)


def _fail_after(started: ImportJob, trouble: Error) -> ImportJob:
    failed = explained(trouble)
    try:
        return _fail(started, failed.code, f"{failed} Nothing was imported.")
    except Error as still:
        raise DatabaseFailed(
            f"{explained(still)} The end of the import could not be recorded. Unless the database "
            "failed at the very end, nothing was imported: check the document first."
        ) from still

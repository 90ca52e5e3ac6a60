"""Imports that run in the caller's process, and the clean-up after a process that died."""

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
    """Fail abandoned foreground imports, and remove the rows that they and dry runs staged.

    Safe at any time, from any process: live imports and dry runs are not touched.
    """
    end_imports()
    # This scans past the rows of recently ended imports until they are vacuumed.
    for owner in staging.ownerless():
        staging.clear(owner)


def end_imports() -> None:
    """Fail abandoned foreground imports, and remove the rows they staged."""
    for job_id in fail_abandoned_foreground():
        logger.warning("import %s was abandoned by its process", job_id)
        runner.settle(job_id)


@transaction.atomic
def fail_abandoned_foreground() -> list[UUID]:
    """Fail the foreground imports whose process has made no progress for a lease's time.

    Returns their ids. Interrupted ones are left alone: they only wait for their model.
    """
    lease = timedelta(seconds=settings.SEGMILL_LEASE_SECONDS)
    stalled = IMPORT_JOBS.stalled(lease, leases_over=timedelta(0))
    open_jobs = ImportJob.objects.open().filter(stalled, background=False)
    open_jobs = open_jobs.exclude(status=ImportStatus.INTERRUPTED)
    # A process that is publishing holds its job's row, however long it takes.
    unheld = open_jobs.select_for_update(skip_locked=True, no_key=True, of=("self",))
    ids = [gone.pk for gone in unheld.only("pk").order_by("created_at")]
    return [job_id for job_id in ids if IMPORT_JOBS.fail(job_id, "abandoned", ERROR)]


STOPPED = "Stopped by the user. Nothing was imported."
TAKEN = "Another process took over the import. Nothing was imported; import the file again."
UNFORESEEN = "An unexpected error occurred ({}). Nothing was imported. Please report it."


def run(started: ImportJob, listener: Listener) -> ImportJob:
    """Run `started` and return its row. Only an interrupted import can still resume.

    KeyboardInterrupt cancels it; a database failure or a bug fails it. In all these cases
    nothing of it is visible.

    Raises:
        DatabaseFailed: the database failed and stayed down, so the end could not be recorded.
        TargetGone: the document was deleted during the import, and its history with it.
    """
    try:
        ended = runner.run(started.pk, listener)
        if ended.is_final or ended.status == ImportStatus.INTERRUPTED:
            return ended
        return _fail(started, "taken_over", TAKEN)
    except KeyboardInterrupt:
        connections.close_all()  # open transactions are rolled back
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
    with suppress(StateConflict):  # it has just ended; its row says how
        IMPORT_JOBS.cancel(started.pk, STOPPED)
    return runner.settle(started.pk)


def _fail(started: ImportJob, code: str, error: str) -> ImportJob:
    """Fail the import, unless it has just ended."""
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

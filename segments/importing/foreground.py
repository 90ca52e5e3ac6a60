"""An import in the process of the one who asked for it: whatever happens, it ends there."""

import logging
from contextlib import suppress

from django.db import Error, connections

from segments.database_errors import explained
from segments.exceptions import DatabaseFailed, ImportNotFound, StateConflict, TargetGone
from segments.importing import job, state
from segments.importing.types import Listener
from segments.models import ImportJob
from segments.models.import_job import ImportStatus

STOPPED = "Stopped by its user; nothing was imported."
TAKEN = "Another process got hold of the import. Nothing was imported; import the file again."
UNFORESEEN = "Segmill met an error it does not know ({}). Nothing was imported; please report it."

logger = logging.getLogger(__name__)


def run(started: ImportJob, listener: Listener) -> ImportJob:
    """The row of `started` as it ended. Only an interrupted one may still go on, later.

    KeyboardInterrupt cancels it; a database that fails on the way, or a fault of ours, ends it
    as failed. In all these cases nothing of it is visible.

    Raises:
        DatabaseFailed: it failed and stays away, so that not even the end could be recorded.
        TargetGone: the document was deleted meanwhile, and the import's history with it.
    """
    try:
        ended = job.run(started.pk, listener)
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
        job.forget(started)
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
        state.cancel(started.pk, STOPPED)
    return job.settle(started.pk)


def _fail(started: ImportJob, code: str, error: str) -> ImportJob:
    """End the import, unless it ended in that very moment."""
    state.fail(started.pk, code, error)
    return job.settle(started.pk)


def _fail_after(started: ImportJob, trouble: Error) -> ImportJob:
    failed = explained(trouble)
    try:
        return _fail(started, failed.code, f"{failed} Nothing was imported.")
    except Error as still:
        raise DatabaseFailed(
            f"{explained(still)} The end of the import could not be recorded. Unless the database "
            "broke down at its very end, nothing was imported: look at the document first."
        ) from still

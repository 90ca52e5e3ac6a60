"""Runs an import from its current state as far as possible, whatever its source.

Safe to call at any time, from any process, even twice at once: the job's row says what is left to
do, and every piece of work is claimed before it starts.
"""

import gc
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import Error, connection

from datasets.exceptions import SegmillError
from segments.exceptions import ClaimLost, EmbeddingUnavailable, ImportCancelled, ImportNotFound
from segments.files.types import Listener, no_progress
from segments.imports import staging, submit
from segments.imports.embed_pool import embed
from segments.imports.prepare import prepare
from segments.imports.publish import publish
from segments.imports.state import IMPORT_JOBS
from segments.indexing.plan import ensure_if_worthwhile
from segments.indexing.upkeep import merge_full_text
from segments.jobs import leases, log_context
from segments.models import ImportJob
from segments.models.import_job import ImportStatus
from segments.signals import import_ended
from segments.uploads import discard_file

# Rows create no reference cycles, so there is little to find. Searching every 700 new objects, as
# Python does by default, takes 0.2 s of an import of 50,000 rows that lasts 4 s.
OBJECTS_BETWEEN_LOOKS = 50_000


logger = logging.getLogger(__name__)

_collecting = threading.Lock()
_usual_thresholds: list[tuple[int, int, int]] = []


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Search for reference cycles rarely within the block; reference counting works as usual.

    Several threads may use it at once: the last to leave restores what the first one found.
    """
    with _collecting:
        _usual_thresholds.append(gc.get_threshold())
        gc.set_threshold(max(gc.get_threshold()[0], OBJECTS_BETWEEN_LOOKS))
    try:
        yield
    finally:
        with _collecting:
            usual = _usual_thresholds[0]
            _usual_thresholds.pop()
            if not _usual_thresholds:
                gc.set_threshold(*usual)


def take_turn(job_id: UUID) -> ImportJob | None:
    """Handle a queue message: the import's row afterwards, None if it was deleted.

    Embedding ends after `TURN_SECONDS`, at the end of a chunk: by then another message waits
    behind those of other imports, so a small import need not wait for a big one.
    """
    try:
        return run(job_id, turn_seconds=leases.TURN_SECONDS)
    except ImportNotFound as gone:
        logger.info("nothing to do: %s", gone)
        return None


def run(
    job_id: UUID, listener: Listener = no_progress, *, turn_seconds: float | None = None
) -> ImportJob:
    """Do all that can be done for the import now; returns its row.

    With `turn_seconds`, no chunk starts after embedding has taken that long.

    An error of the import itself fails it, with the reason in its row. Any other error (a lost
    database, an exception of the listener) is raised; the work it interrupted is put back and
    retried after a pause, `MAX_ATTEMPTS` times in all.

    Raises:
        ImportNotFound: there is no such import.
    """
    with log_context.about(job=job_id):
        try:
            with seldom_collected():
                _advance(job_id, listener, turn_seconds)
        except (ImportCancelled, ClaimLost) as lost:
            logger.info("given up: %s", lost)
        except EmbeddingUnavailable as trouble:
            logger.warning("interrupted: %s", trouble)
            IMPORT_JOBS.interrupt_embedding(job_id, trouble.code, str(trouble))
            submit.enqueue_next(IMPORT_JOBS.load(job_id).tenant_id)
        except SegmillError as error:
            logger.info("failed: %s", error)
            IMPORT_JOBS.fail(job_id, error.code, str(error))
        return settle(job_id)


def settle(job_id: UUID) -> ImportJob:
    """The import's current row; removes everything staged for a finished one.

    Raises:
        ImportNotFound: there is no such import.
    """
    job = IMPORT_JOBS.load(job_id)
    if job.is_final and job.tidied_at is None:
        try:
            _tidy(job)
        except (Error, OSError) as trouble:  # its outcome stands; the next clean-up tidies up
            connection.close_if_unusable_or_obsolete()
            logger.warning("import %s ended, but its rows are still staged: %s", job_id, trouble)
        else:
            _log_end(job)
            import_ended.send_robust(
                ImportJob, job_id=job.pk, document_id=job.document_id, status=job.status
            )
    return job


def _log_end(job: ImportJob) -> None:
    with log_context.about(job=job.pk, tenant=job.tenant_id, attempt=job.attempts):
        logger.info(
            "%s: %d rows created, %d updated, %d bad, in %.3f s%s",
            *(job.status, job.rows_created, job.rows_updated, job.rows_failed, job.seconds.total),
            f": {job.error}" if job.error else "",
        )


def forget(gone: ImportJob) -> None:
    """Remove what is left of an import whose row was deleted with its document."""
    staging.clear(gone.pk)
    discard_file(gone.file_key)


def _tidy(job: ImportJob) -> None:
    """Remove what a finished import no longer needs; idempotent."""
    staging.clear(job.pk)
    if job.status == ImportStatus.COMPLETED:
        merge_full_text()
    if not job.background:
        discard_file(job.file_key)
    IMPORT_JOBS.mark_tidied(job.pk)
    submit.enqueue_next(job.tenant_id)
    if job.status == ImportStatus.COMPLETED:
        ensure_if_worthwhile(job.dataset)


def _advance(job_id: UUID, listener: Listener, turn_seconds: float | None) -> None:
    IMPORT_JOBS.give_up_if_spent(job_id)
    IMPORT_JOBS.resume(job_id)
    if claim := IMPORT_JOBS.claim_preparing(job_id):
        with IMPORT_JOBS.holding(claim):
            prepare(claim, listener)
    job = IMPORT_JOBS.load(job_id)
    if job.status == ImportStatus.EMBEDDING:
        with log_context.about(tenant=job.tenant_id, phase=job.status):
            embed(job, listener, turn_seconds)
    if claim := IMPORT_JOBS.claim_publishing(job_id):
        with IMPORT_JOBS.holding(claim):
            publish(claim, listener)

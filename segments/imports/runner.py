"""Takes an import from wherever it stands as far as it goes: what every source leads to.

Safe to call at any time, from any process, twice at once: what is to be done is read from the
job's row, and every piece of work is claimed before it is begun.
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
from segments.imports.publish import merge_full_text, publish
from segments.imports.state import IMPORT_JOBS
from segments.jobs import leases, log_context
from segments.models import ImportJob
from segments.models.import_job import ImportStatus
from segments.signals import import_ended
from segments.uploads import discard_file

# Rows make no reference cycles, so there is little to find. Looking every 700 new objects, as
# Python does by itself, takes 0.2 s of an import of 50,000 rows that lasts 4 s.
OBJECTS_BETWEEN_LOOKS = 50_000


logger = logging.getLogger(__name__)

_collecting = threading.Lock()
_usual_thresholds: list[tuple[int, int, int]] = []


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Look for cycles seldom within the block; what nothing refers to goes at once as ever.

    Threads may be in it at the same time: the last to leave restores what the first one found.
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


def take_turn(job_id: UUID) -> None:
    """What a worker does for a message; nothing if the import is gone.

    Embedding ends after `TURN_SECONDS`, at the end of a chunk: by then another message waits
    behind those of other imports, so that a small one need not wait for a big one.
    """
    try:
        run(job_id, turn_seconds=leases.TURN_SECONDS)
    except ImportNotFound as gone:
        logger.info("there is nothing to do: %s", gone)


def run(
    job_id: UUID, listener: Listener = no_progress, *, turn_seconds: float | None = None
) -> ImportJob:
    """Do all that can be done for the import now; its row afterwards.

    With `turn_seconds` no chunk is begun once embedding has taken as long.

    An error that is the import's own ends it as failed, with its reason in the row. Anything
    else (a lost database, what the listener raises) passes through; the work it met is put
    back, to be tried again after a pause, `MAX_ATTEMPTS` times in all.

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
    """The import as its row says now; a finished one leaves nothing staged behind.

    Raises:
        ImportNotFound: there is no such import.
    """
    job = IMPORT_JOBS.load(job_id)
    if job.is_final and job.tidied_at is None:
        try:
            _tidy(job)
        except (Error, OSError) as trouble:  # its end stands; the next clean-up tidies
            connection.close_if_unusable_or_obsolete()
            logger.warning("import %s ended, but was not tidied: %s", job_id, trouble)
        else:
            _tell_of_end(job)
            import_ended.send_robust(
                ImportJob, job_id=job.pk, document_id=job.document_id, status=job.status
            )
    return job


def _tell_of_end(job: ImportJob) -> None:
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
    """Remove what a finished import does not need any more; doing so twice changes nothing."""
    staging.clear(job.pk)
    if job.status == ImportStatus.COMPLETED:
        merge_full_text()
    if not job.background:
        discard_file(job.file_key)
    IMPORT_JOBS.mark_tidied(job.pk)
    submit.enqueue_next(job.tenant_id)


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

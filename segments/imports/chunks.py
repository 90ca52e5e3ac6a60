"""The moves of a chunk: claimed by one worker at a time, finished once, counted when tried.

pending ─claim_next─► running ─finish─► done
   ▲                    │  └─bury─► dead (its job fails in the same transaction)
   └─release, put_back──┘

Every write for a chunk runs in a transaction that has locked the chunk's row by its epoch. So
clearing a job's chunks waits for writers in progress and shuts out all later ones.
Transactions lock a chunk before its job, never the other way round.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, QuerySet, When
from django.db.models.functions import Now

from datasets.exceptions import SegmillError
from segments.db.transactions import not_longer_than_the_lease
from segments.exceptions import ClaimLost, EmbeddingUnavailable, ImportCancelled
from segments.imports import progress_rates
from segments.imports.state import IMPORT_JOBS, is_free
from segments.jobs import leases, log_context
from segments.jobs.leases import after_back_off, lease, name_of_process, worker_name
from segments.jobs.retries import put_back_on_trouble
from segments.models import Chunk, ImportJob
from segments.models.import_job import ChunkStatus, ImportStatus
from segments.progress import mirror_after_commit

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChunkClaim:
    """The right to embed the staged rows `first_row` to `last_row` of a job."""

    job_id: UUID
    ordinal: int
    epoch: int
    attempts: int
    first_row: int
    last_row: int
    last_error: str = ""
    rows_embedded: int = 0
    """How many of its rows earlier tries have embedded."""

    @property
    def rows(self) -> int:
        """How many rows the chunk has."""
        return self.last_row - self.first_row + 1

    @property
    def is_spent(self) -> bool:
        """Whether this is one try more than allowed: none of the earlier ones succeeded."""
        return self.attempts > leases.MAX_ATTEMPTS


@transaction.atomic
def claim_next(job_id: UUID) -> ChunkClaim | None:
    """Claim the first free chunk; None if there is none at the moment."""
    free = _free(job_id).select_for_update(skip_locked=True, of=("self",))
    chunk = free.order_by("ordinal").first()
    if chunk is None:
        return None
    epoch, attempts = chunk.epoch + 1, chunk.attempts + 1
    Chunk.objects.filter(job_id=job_id, ordinal=chunk.ordinal).update(
        status=ChunkStatus.RUNNING,
        epoch=epoch,
        attempts=attempts,
        lease_owner=worker_name(),
        lease_until=lease(),
        not_before=None,
    )
    return ChunkClaim(
        job_id=job_id,
        ordinal=chunk.ordinal,
        epoch=epoch,
        attempts=attempts,
        first_row=chunk.first_row,
        last_row=chunk.last_row,
        last_error=chunk.error,
        rows_embedded=chunk.rows_embedded,
    )


def count_free(job_id: UUID) -> int:
    """How many chunks are free."""
    return _free(job_id).count()


def renew(claim: ChunkClaim) -> None:
    """Show progress and keep the lease.

    Raises:
        ImportCancelled, ClaimLost: the claim was lost.
    """
    if not _embedding(claim).exists() or not _held(claim).update(lease_until=lease()):
        raise _reason_lost(claim)


@contextmanager
def writing(claim: ChunkClaim) -> Iterator[None]:
    """A transaction for partial results, stored before the chunk is finished.

    Raises:
        ImportCancelled, ClaimLost: the claim was lost; nothing is stored.
    """
    with transaction.atomic():
        not_longer_than_the_lease()
        renew(claim)
        yield


def finish(claim: ChunkClaim, *, embedded: int, reused: int, seconds: float) -> None:
    """Mark the chunk done; the first statement of the transaction that stores its vectors.

    Raises:
        ImportCancelled, ClaimLost: the claim was lost; roll back.
    """
    not_longer_than_the_lease()
    done = _held(claim).update(
        status=ChunkStatus.DONE,
        rows_embedded=F("rows_embedded") + embedded,
        rows_reused=reused,
        seconds=seconds,
        lease_until=None,
        finished_at=Now(),
        error="",
    )
    counted = done and _embedding(claim).update(
        rows_embedded=F("rows_embedded") + embedded,
        rows_reused=F("rows_reused") + reused,
        revision=F("revision") + 1,
    )
    if not counted:
        raise _reason_lost(claim)
    progress_rates.record(claim.job_id)
    mirror_after_commit(claim.job_id, often=True)


def release(claim: ChunkClaim, *, embedded: int = 0) -> bool:
    """Release an unfinished chunk for the next worker; the try does not count.

    `embedded` of its rows now have a vector. False if the claim was lost: store nothing then.
    """
    held = _held(claim).update(
        status=ChunkStatus.PENDING,
        lease_until=None,
        attempts=F("attempts") - 1,
        rows_embedded=F("rows_embedded") + embedded,
    )
    if held and embedded:
        ImportJob.objects.filter(pk=claim.job_id).update(
            rows_embedded=F("rows_embedded") + embedded, revision=F("revision") + 1
        )
    return bool(held)


@contextmanager
def holding(claim: ChunkClaim) -> Iterator[None]:
    """Turn an error in the block into the chunk's outcome, unless the claim was lost.

    Raises:
        ImportCancelled, EmbeddingUnavailable: embedding of the import stops for now.
        ClaimLost: the chunk cannot be embedded, so its import has failed.
    """
    with (
        log_context.about(chunk=claim.ordinal, attempt=claim.attempts),
        put_back_on_trouble(lambda text, grows: put_back(claim, text, grows=grows)),
    ):
        try:
            yield
        except (ImportCancelled, EmbeddingUnavailable):
            raise
        except ClaimLost as lost:
            logger.info("given up: %s", lost)
        except SegmillError as error:
            logger.info("failed: %s", error)
            bury(claim, error.code, str(error))
            raise ClaimLost(f"The import has failed: {error}") from error


def put_back(claim: ChunkClaim, trouble: str, *, grows: bool = True) -> None:
    """Release a chunk after an error it did not cause; it is retried after a pause."""
    _held(claim).update(
        status=ChunkStatus.PENDING,
        lease_until=None,
        not_before=after_back_off(claim.attempts if grows else 1),
        error=trouble,
    )


def is_overdue(job_id: UUID, process: int) -> bool:
    """Whether a process of this machine holds a chunk past its lease."""
    return _of_process(job_id, process).filter(lease_until__lt=Now()).exists()


def free_those_of(job_id: UUID, process: int) -> None:
    """Release the chunks that a dead process of this machine held or had put back."""
    left = _of_process(job_id, process).exclude(status=ChunkStatus.DONE)
    left.update(lease_until=Case(When(status=ChunkStatus.RUNNING, then=Now())), not_before=None)


@transaction.atomic
def bury(claim: ChunkClaim, code: str, error: str) -> bool:
    """Mark the chunk dead and fail its job; False if the claim was lost."""
    buried = _held(claim).update(status=ChunkStatus.DEAD, lease_until=None, error=error)
    return bool(buried) and IMPORT_JOBS.fail(claim.job_id, code, error)


def _of_process(job_id: UUID, process: int) -> QuerySet[Chunk]:
    return Chunk.objects.filter(job_id=job_id, lease_owner__startswith=name_of_process(process))


def _free(job_id: UUID) -> QuerySet[Chunk]:
    return Chunk.objects.filter(is_free(), job_id=job_id, job__status=ImportStatus.EMBEDDING)


def _embedding(claim: ChunkClaim) -> QuerySet[ImportJob]:
    """The job while it still needs vectors: also after another worker interrupted it."""
    return ImportJob.objects.filter(
        pk=claim.job_id, status__in=(ImportStatus.EMBEDDING, ImportStatus.INTERRUPTED)
    )


def _held(claim: ChunkClaim) -> QuerySet[Chunk]:
    return Chunk.objects.filter(
        job_id=claim.job_id,
        ordinal=claim.ordinal,
        epoch=claim.epoch,
        status=ChunkStatus.RUNNING,
    )


def _reason_lost(claim: ChunkClaim) -> ClaimLost | ImportCancelled:
    status = ImportJob.objects.values_list("status", flat=True).filter(pk=claim.job_id).first()
    if status == ImportStatus.CANCELLED:
        return ImportCancelled("The import was cancelled.")
    return ClaimLost("Another worker has taken the chunk over.")

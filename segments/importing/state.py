"""The moves of an import between its states: each is one conditional update, named for its arrow.

    waiting ─a─► preparing ─b─► embedding ─c─► publishing ─d─► completed
                                 h │  ▲ i
                               interrupted
       (f) failed and (g) cancelled from every state but the final ones

    a  claim_preparing     b  start_embedding     c  claim_publishing     d  complete
    f  fail                g  cancel              h  interrupt            i  resume

A claim takes a lease and raises the job's epoch, its fencing token. Every later write of the
claim's holder carries that epoch: where it is gone, another holder has taken over, and the
write changes nothing. All times are the database's clock; attempts count at the claim, so that
a worker that was killed counts too.
"""

import os
import socket
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce, Now

from segments.exceptions import ClaimLost, ImportCancelled, ImportNotFound, StateConflict
from segments.models import Chunk, ImportJob
from segments.models.chunk import ChunkStatus
from segments.models.import_job import OPEN_STATUSES, WORKING_STATUSES, ImportStatus
from segments.progress import mirror_after_commit

# Chunk commits hold the job's row for milliseconds, publishing for seconds.
LOCK_WAIT = "2s"


@dataclass(frozen=True, slots=True)
class JobClaim:
    """The right to work on a job's `phase`, as long as `epoch` is the job's."""

    job_id: UUID
    epoch: int
    phase: ImportStatus


def worker_name() -> str:
    """Who holds a claim: host, process and thread, for people who look for it."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"


def lease() -> Any:
    """When a lease taken now runs out, as an expression on the database's clock."""
    return Now() + timedelta(seconds=settings.SEGMILL_LEASE_SECONDS)


def claim_preparing(job_id: UUID) -> JobClaim | None:
    """(a) Take a waiting job, or one whose preparer was lost; None if there is nothing to take."""
    ready = Q(status=ImportStatus.WAITING)
    return _claim(job_id, ImportStatus.PREPARING, ready, "started_at")


def claim_publishing(job_id: UUID) -> JobClaim | None:
    """(c) Take a job whose chunks are all done, or one whose publisher was lost."""
    unfinished = Chunk.objects.filter(job_id=OuterRef("pk")).exclude(status=ChunkStatus.DONE)
    ready = Q(~Exists(unfinished), status=ImportStatus.EMBEDDING)
    return _claim(job_id, ImportStatus.PUBLISHING, ready, "embedded_at")


def give_up_if_spent(job_id: UUID) -> bool:
    """(f) End a job whose last allowed holder was lost; whether that was so."""
    spent = ImportJob.objects.filter(
        pk=job_id,
        status__in=WORKING_STATUSES,
        lease_until__lt=Now(),
        attempts__gte=settings.SEGMILL_MAX_ATTEMPTS,
    )
    tries = settings.SEGMILL_MAX_ATTEMPTS
    error = f"The import was tried {tries} times, and its worker was lost each time. Retry it."
    return bool(_end(job_id, spent, ImportStatus.FAILED, "attempts_spent", error))


def start_embedding(claim: JobClaim, **changes: Any) -> None:
    """(b) Every row is checked and staged: hand the chunks to whoever embeds.

    Raises:
        ImportCancelled, ClaimLost: the claim does not hold any more.
    """
    _move(claim, status=ImportStatus.EMBEDDING, prepared_at=Now(), **changes)


def complete(claim: JobClaim, **changes: Any) -> None:
    """(d) The last statement of the publishing transaction."""
    _move(claim, status=ImportStatus.COMPLETED, finished_at=Now(), **changes)


def renew(claim: JobClaim, **changes: Any) -> None:
    """Show progress and keep the lease.

    Raises:
        ImportCancelled, ClaimLost: the claim does not hold any more.
    """
    _move(claim, often=True, lease_until=lease(), **changes)


def fail(job_id: UUID, code: str, error: str, epoch: int | None = None) -> bool:
    """(f) End the job with a code and a sentence; False if it has ended already.

    With `epoch` only the holder of that claim may: a late worker's failure is not the job's.
    """
    held = ImportJob.objects.open().filter(pk=job_id)
    if epoch is not None:
        held = held.filter(epoch=epoch)
    return bool(_end(job_id, held, ImportStatus.FAILED, code, error))


def interrupt(job_id: UUID, code: str, error: str) -> None:
    """(h) Leave the job where it stands, to go on by itself after a while or when resumed.

    A job that is not embedding has nothing to go on from and is ended instead.
    """
    later = Now() + timedelta(seconds=settings.SEGMILL_RESUME_SECONDS)
    interrupted = ImportJob.objects.filter(pk=job_id, status=ImportStatus.EMBEDDING).update(
        status=ImportStatus.INTERRUPTED,
        revision=F("revision") + 1,
        error_code=code,
        error=error,
        not_before=later,
    )
    if interrupted:
        mirror_after_commit(job_id)
    else:
        unfinished = ImportJob.objects.exclude(status=ImportStatus.INTERRUPTED).filter(pk=job_id)
        _end(job_id, unfinished, ImportStatus.FAILED, code, error)


def resume(job_id: UUID, *, now: bool = False) -> bool:
    """(i) Let an interrupted job go on embedding, if it is time to or with `now`."""
    due = Q() if now else Q(not_before__isnull=True) | Q(not_before__lte=Now())
    interrupted = ImportJob.objects.filter(due, pk=job_id, status=ImportStatus.INTERRUPTED)
    resumed = interrupted.update(
        status=ImportStatus.EMBEDDING,
        revision=F("revision") + 1,
        error_code="",
        error="",
        not_before=None,
    )
    if resumed:
        mirror_after_commit(job_id)
    return bool(resumed)


def cancel(job_id: UUID, why: str) -> None:
    """(g) End the job; once this returns, nothing of it can become visible.

    Raises:
        StateConflict: it has ended already, or is being published at this moment.
    """
    with transaction.atomic():
        job = _locked_soon(job_id)
        if job is None:
            raise ImportNotFound(str(job_id))
        if job.is_final:
            raise StateConflict(f"The import has ended already: {job.get_status_display()}.")
        jobs = ImportJob.objects.filter(pk=job_id)
        _end(job_id, jobs, ImportStatus.CANCELLED, "cancelled", why)


def mark_tidied(job_id: UUID) -> None:
    """Note that nothing of a finished import is staged any more."""
    ImportJob.objects.filter(pk=job_id).update(tidied_at=Now())


def lock_for_publishing(claim: JobClaim) -> ImportJob:
    """The job, locked until the transaction ends, so that neither cancel nor rival gets between.

    Raises:
        ImportCancelled, ClaimLost: the claim does not hold any more.
    """
    job = ImportJob.objects.select_for_update().filter(**_held(claim)).first()
    if job is None:
        raise _reason_lost(claim.job_id)
    return job


def _locked_soon(job_id: UUID) -> ImportJob | None:
    """The job, locked; only publishing holds it for longer than a moment.

    Raises:
        StateConflict: it is being published at this moment.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_WAIT])
    try:
        return ImportJob.objects.select_for_update().filter(pk=job_id).first()
    except OperationalError as busy:
        raise StateConflict("The import is being published now; undo it afterwards.") from busy


def _claim(job_id: UUID, phase: ImportStatus, ready: Q, moment: str) -> JobClaim | None:
    """Take the job for `phase`; `moment` is the field that says when the phase first began."""
    abandoned = Q(status=phase, lease_until__lt=Now())
    due = Q(not_before__isnull=True) | Q(not_before__lte=Now())
    taken = ImportJob.objects.filter(due, ready | abandoned, pk=job_id).update(
        status=phase,
        epoch=F("epoch") + 1,
        attempts=F("attempts") + 1,
        revision=F("revision") + 1,
        lease_owner=worker_name(),
        lease_until=lease(),
        **{moment: Coalesce(moment, Now())},
    )
    if not taken:
        return None
    mirror_after_commit(job_id)
    epoch = ImportJob.objects.values_list("epoch", flat=True).get(pk=job_id)
    return JobClaim(job_id, epoch, phase)


def _held(claim: JobClaim) -> dict[str, Any]:
    return {"pk": claim.job_id, "epoch": claim.epoch, "status": claim.phase}


def _move(claim: JobClaim, *, often: bool = False, **changes: Any) -> None:
    moved = ImportJob.objects.filter(**_held(claim)).update(revision=F("revision") + 1, **changes)
    if not moved:
        raise _reason_lost(claim.job_id)
    mirror_after_commit(claim.job_id, often=often)


def _end(job_id: UUID, jobs: Any, status: ImportStatus, code: str, error: str) -> int:
    ended: int = jobs.filter(status__in=OPEN_STATUSES).update(
        status=status,
        revision=F("revision") + 1,
        epoch=F("epoch") + 1,
        error_code=code,
        error=error,
        finished_at=Now(),
        lease_until=None,
    )
    if ended:
        mirror_after_commit(job_id)
    return ended


def _reason_lost(job_id: UUID) -> ClaimLost | ImportCancelled:
    status = ImportJob.objects.values_list("status", flat=True).filter(pk=job_id).first()
    if status == ImportStatus.CANCELLED:
        return ImportCancelled("The import was cancelled.")
    return ClaimLost("Another worker has taken the import over.")

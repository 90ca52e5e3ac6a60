"""The moves of an import between its states: each is one conditional update, named for its arrow.

    waiting ─a─► preparing ─b─► embedding ─c─► publishing ─d─► completed
                  ▲  │ a         h │  ▲ i       ▲  │ c
                  └──┘          interrupted     └──┘   once the lease has run out
        (f) failed and (g) cancelled from every state but the final ones

    a claim_preparing   b start_embedding   c claim_publishing   d complete   h interrupt   i resume
    f fail, fail_held, give_up_if_spent, expire   g cancel

A claim takes a lease and raises the job's epoch, its fencing token, which every later write of its
holder carries: where it is gone, another holder has taken over, and the write changes nothing.
While embedding, claims are on chunks. All times are the database's clock; attempts count at the
claim, so that a killed worker counts too, and each phase has its own. A trigger refuses all else.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce, Now

from segments.db.transactions import Busy, lock_timeout
from segments.exceptions import ClaimLost, ImportCancelled, ImportNotFound, StateConflict
from segments.files.options import ImportOptions
from segments.files.types import Target
from segments.imports.submit import has_room
from segments.jobs import leases
from segments.jobs.leases import after_back_off, is_due, lease, worker_name
from segments.models import Chunk, ImportJob
from segments.models.import_job import LEASED_STATUSES, ChunkStatus, ImportStatus
from segments.progress import mirror_after_commit


@dataclass(frozen=True, slots=True)
class JobClaim:
    """The right to work on a job's `phase`, as long as `epoch` is the job's.

    `attempts` numbers the tries of the phase, this one included.
    """

    job_id: UUID
    epoch: int
    phase: ImportStatus
    attempts: int
    tenant_id: UUID | None = None


def lock_for_publishing(claim: JobClaim) -> ImportJob:
    """The job, locked until the transaction ends, so that neither cancel nor rival gets between.

    Raises:
        ImportCancelled, ClaimLost: the claim does not hold any more.
    """
    jobs = ImportJob.objects.select_for_update(no_key=True)
    job = jobs.filter(**held(claim)).first()
    if job is None:
        raise reason_lost(claim.job_id)
    return job


def held(claim: JobClaim) -> dict[str, Any]:
    """What the row of the job says as long as the claim holds."""
    return {"pk": claim.job_id, "epoch": claim.epoch, "status": claim.phase}


def reason_lost(job_id: UUID) -> ClaimLost | ImportCancelled:
    """Why the claim on a job does not hold any more."""
    status = ImportJob.objects.values_list("status", flat=True).filter(pk=job_id).first()
    if status == ImportStatus.CANCELLED:
        return ImportCancelled("The import was cancelled.")
    return ClaimLost("Another worker has taken the import over.")


def reason_busy(job_id: UUID) -> StateConflict:
    """Why a job cannot be cancelled at this moment."""
    status = ImportJob.objects.values_list("status", flat=True).filter(pk=job_id).first()
    if status == ImportStatus.PUBLISHING:
        return StateConflict("The import is being published now; undo it afterwards.")
    return StateConflict("A worker is storing rows of the import. Try again in a moment.")


def claim_preparing(job_id: UUID) -> JobClaim | None:
    """(a) Take a waiting job, or one whose preparer was lost; None if there is nothing to take.

    A job waits on while its tenant has as many under way as it may.
    """
    ready = Q(status=ImportStatus.WAITING)
    with transaction.atomic():
        if not has_room(job_id):
            return None
        return _claim(job_id, ImportStatus.PREPARING, ready, "started_at")


def claim_publishing(job_id: UUID) -> JobClaim | None:
    """(c) Take a job whose chunks are all done, or one whose publisher was lost."""
    unfinished = Chunk.objects.filter(job_id=OuterRef("pk")).exclude(status=ChunkStatus.DONE)
    ready = Q(~Exists(unfinished), status=ImportStatus.EMBEDDING)
    return _claim(job_id, ImportStatus.PUBLISHING, ready, "embedded_at")


@transaction.atomic
def give_up_if_spent(job_id: UUID) -> bool:
    """(f) End a job whose last allowed try came to nothing; whether that was so."""
    jobs = ImportJob.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
    spent = jobs.filter(
        pk=job_id,
        status__in=LEASED_STATUSES,
        lease_until__lt=Now(),
        attempts__gte=leases.MAX_ATTEMPTS,
    ).first()
    if spent is None:
        return False
    why = spent.last_error or "Its worker was lost each time."
    error = f"The import was tried {spent.attempts} times ({spent.get_status_display()}). {why}"
    return fail(job_id, "attempts_spent", error)


def expire(job_id: UUID, hours: int) -> bool:
    """(f) End a job that nobody has gone on with for so many hours."""
    time = timedelta(hours=hours)
    why = "Nothing could go on with it. See that workers run and its model answers"
    error = f"The import has waited for {hours:,} hours. {why}; retry it."
    return _end(job_id, is_stalled(time, leases_over=time), ImportStatus.FAILED, "expired", error)


def start_embedding(claim: JobClaim, **changes: Any) -> None:
    """(b) Every row is checked and staged: hand the chunks to whoever embeds.

    Raises:
        ImportCancelled, ClaimLost: the claim does not hold any more.
    """
    _move(
        claim,
        status=ImportStatus.EMBEDDING,
        prepared_at=Now(),
        attempts=0,
        lease_until=None,
        last_error="",
        **changes,
    )


def complete(claim: JobClaim, **changes: Any) -> None:
    """(d) The last statement of the publishing transaction."""
    _move(claim, status=ImportStatus.COMPLETED, finished_at=Now(), lease_until=None, **changes)


def renew(claim: JobClaim, **changes: Any) -> None:
    """Show progress and keep the lease.

    Raises:
        ImportCancelled, ClaimLost: the claim does not hold any more.
    """
    _move(claim, often=True, lease_until=lease(), **changes)


def put_back(claim: JobClaim, trouble: str, *, grows: bool = True) -> None:
    """Give the claim up after an error not the import's own; tried again after a pause.

    It `grows` with each try, unless the error says nothing of the next one.
    """
    ImportJob.objects.filter(**held(claim)).update(
        revision=F("revision") + 1,
        epoch=F("epoch") + 1,
        lease_until=Now(),
        not_before=after_back_off(claim.attempts if grows else 1),
        last_error=trouble,
    )


def fail(job_id: UUID, code: str, error: str) -> bool:
    """(f) End the job with a code and a sentence; False if it has ended already."""
    return _end(job_id, Q(), ImportStatus.FAILED, code, error)


def fail_held(claim: JobClaim, code: str, error: str) -> bool:
    """(f) As `fail`, by the claim's holder only: a late worker's failure is not the job's."""
    return _end(claim.job_id, Q(**held(claim)), ImportStatus.FAILED, code, error)


def interrupt(job_id: UUID, code: str, error: str) -> None:
    """(h) Leave the job where it stands, to go on by itself after a while or when resumed.

    From here on it is the workers': the process that began it need not be there any more.
    One that is not embedding any more stays as it is: others have done without.
    """
    later = Now() + timedelta(seconds=leases.RESUME_SECONDS)
    interrupted = ImportJob.objects.filter(pk=job_id, status=ImportStatus.EMBEDDING).update(
        status=ImportStatus.INTERRUPTED,
        background=True,
        revision=F("revision") + 1,
        error_code=code,
        error=error,
        not_before=later,
    )
    if interrupted:
        mirror_after_commit(job_id)


def resume(job_id: UUID, *, now: bool = False) -> bool:
    """(i) Let an interrupted job go on embedding, if it is time to or with `now`."""
    due = Q() if now else is_due()
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
    try:
        with lock_timeout():
            job = ImportJob.objects.select_for_update(no_key=True).filter(pk=job_id).first()
            if job is None:
                raise ImportNotFound(str(job_id))
            if job.is_final:
                raise StateConflict(f"The import has ended already: {job.get_status_display()}.")
            _end(job_id, Q(), ImportStatus.CANCELLED, "cancelled", why)
    except Busy as busy:
        raise reason_busy(job_id) from busy


def mark_hinted(job_id: UUID) -> None:
    """Note that workers were told of the import just now."""
    ImportJob.objects.filter(pk=job_id).update(hinted_at=Now())


def mark_tidied(job_id: UUID) -> None:
    """Note that nothing of a finished import is staged any more."""
    ImportJob.objects.filter(pk=job_id).update(tidied_at=Now())


def _claim(job_id: UUID, phase: ImportStatus, ready: Q, moment: str) -> JobClaim | None:
    """Take the job for `phase`; `moment` is the field that says when the phase first began.

    The epoch is read in the transaction that raised it: read later, it might be that of the
    next holder, and two would work under one token.
    """
    abandoned = Q(status=phase, lease_until__lt=Now())
    untired = Q(attempts__lt=leases.MAX_ATTEMPTS)
    jobs = ImportJob.objects.filter(is_due(), untired, ready | abandoned, pk=job_id)
    try:
        with lock_timeout():
            taken = jobs.update(
                status=phase,
                epoch=F("epoch") + 1,
                attempts=F("attempts") + 1,
                revision=F("revision") + 1,
                lease_owner=worker_name(),
                lease_until=lease(),
                not_before=None,
                **{moment: Coalesce(moment, Now())},
            )
            if not taken:
                return None
            job = ImportJob.objects.only("epoch", "attempts", "tenant_id").get(pk=job_id)
    except Busy:  # its publisher is at work, though its lease has run out
        return None
    mirror_after_commit(job_id)
    return JobClaim(job_id, job.epoch, phase, job.attempts, job.tenant_id)


def _move(claim: JobClaim, *, often: bool = False, **changes: Any) -> None:
    moved = ImportJob.objects.filter(**held(claim)).update(revision=F("revision") + 1, **changes)
    if not moved:
        raise reason_lost(claim.job_id)
    mirror_after_commit(claim.job_id, often=often)


def _end(job_id: UUID, which: Q, status: ImportStatus, code: str, error: str) -> bool:
    open_job = ImportJob.objects.open().filter(which, pk=job_id)
    ended = open_job.update(
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
    return bool(ended)


def is_stalled(time: timedelta, *, leases_over: timedelta) -> Q:
    """Whether an open import has made no step for `time`, and no lease held `leases_over` ago."""
    lately, leased = Now() - time, Now() - leases_over
    chunks = Chunk.objects.filter(job_id=OuterRef("pk"))
    chunk_lives = Exists(chunks.filter(Q(lease_until__gte=leased) | Q(finished_at__gte=lately)))
    embeds = Q(status__in=(ImportStatus.EMBEDDING, ImportStatus.INTERRUPTED))
    return (
        Q(status=ImportStatus.WAITING, created_at__lt=lately)
        | Q(status__in=LEASED_STATUSES, lease_until__lt=leased)
        | Q(~chunk_lives & embeds, prepared_at__lt=lately)
    )


def load(job_id: UUID) -> ImportJob:
    """The import as its row says now.

    Raises:
        ImportNotFound: there is no such import.
    """
    job = ImportJob.objects.select_related("document", "dataset").filter(pk=job_id).first()
    if job is None:
        raise ImportNotFound(str(job_id))
    return job


def target_of(job: ImportJob) -> Target:
    """Where the rows of `job` are going."""
    return Target(
        document_id=job.document_id,
        dataset_id=job.dataset_id,
        doc_form=job.document.doc_form,
        text_search_config=job.dataset.text_search_config,
        provider=job.embedding_model_provider,
        model=job.embedding_model,
        tenant_id=job.tenant_id,
    )


def options_of(job: ImportJob) -> ImportOptions:
    """How the file of `job` is read and what it does to its document."""
    return ImportOptions.from_json(job.options | {"mode": job.mode, "on_error": job.on_error})

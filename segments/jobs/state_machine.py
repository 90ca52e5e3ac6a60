"""The state machine of background jobs: one definition of every move, for every kind.

    waiting ─claim─► phase ─…─► phase ─complete─► completed
                     ▲  │ claim, once the lease has run out
                     └──┘
       interrupt from a phase, resume back to it
       fail and cancel from every state but the final ones

A move is one conditional update. A claim takes a lease and raises the job's epoch, a fencing
token that every later write of its holder carries: once another holder has taken over, the epochs
differ and the write changes nothing. All times come from the database's clock. Attempts count at
the claim, so a killed worker counts too, and each phase has its own. A trigger refuses any other
move.

A kind subclasses `StateMachine` with its phases and the conditions for starting each of them.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, Model, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Greatest, Now

from datasets.exceptions import SegmillError
from datasets.wording import how_many
from segments.db import positions
from segments.db.transactions import Busy, lock_timeout
from segments.exceptions import ClaimLost, StateConflict
from segments.jobs import leases, log_context, queue
from segments.jobs.leases import after_back_off, is_due, lease, worker_name
from segments.jobs.retries import put_back_on_trouble
from segments.models.job import BackgroundJob, JobQuerySet, JobStatus

J = TypeVar("J", bound=BackgroundJob)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobClaim:
    """The right to work on a job's `phase`, as long as `epoch` is the job's.

    `attempts` numbers the tries of the phase, this one included.
    """

    job_id: UUID
    epoch: int
    phase: str
    attempts: int
    tenant_id: UUID | None = None

    @property
    def held(self) -> dict[str, Any]:
        """The values of the job's row while the claim is held."""
        return {"pk": self.job_id, "epoch": self.epoch, "status": self.phase}


class StateMachine(Generic[J]):
    """The moves of one kind of job.

    `noun` is its name in messages, `task` what a worker runs for it, `leased` the phases
    that one worker holds with a lease on the row, and `resumes` the phase of interrupted work.
    `with_it` names the rows that are loaded along with it.
    """

    model: type[J]
    noun: ClassVar[str]
    task: ClassVar[str]
    leased: ClassVar[tuple[str, ...]]
    resumes: ClassVar[str]
    not_found: ClassVar[type[SegmillError]]
    with_it: ClassVar[tuple[str, ...]] = ("dataset",)

    @property
    def jobs(self) -> JobQuerySet[J]:
        """All jobs of the kind."""
        return JobQuerySet(self.model)

    def load(self, job_id: UUID) -> J:
        """Load the job.

        Raises:
            SegmillError: there is no such job (the kind's own `not_found`).
        """
        job = self.jobs.select_related(*self.with_it).filter(pk=job_id).first()
        if job is None:
            raise self.not_found(str(job_id))
        return job

    def claimable(self) -> QuerySet[Any]:
        """Jobs with work that a worker could take at this moment.

        Each has `since`, when it could be taken first, and `is_worked_on`: whether other workers
        hold parts of it.
        """
        idle = Q(status__in=(JobStatus.WAITING, JobStatus.INTERRUPTED))
        jobs = self.jobs.open().filter(is_due(), idle | self.abandoned(*self.leased))
        since = Case(When(status__in=self.leased, then=SINCE_LEASE), default=SINCE_CREATED)
        return jobs.annotate(since=since, is_worked_on=Value(value=False))

    def changed(self, job_id: UUID, *, often: bool = False) -> None:
        """Called in the transaction of every move; `often` if it only updates progress."""

    def ended(self, job_id: UUID, status: JobStatus) -> None:
        """Called in the transaction that fails or cancels a job."""

    def busy_reason(self, job_id: UUID) -> str:
        """Why a job that has not ended cannot be cancelled now."""
        return f"A worker is finishing the {self.noun} now, so it is too late to cancel."

    def lost_reason(self, job_id: UUID) -> SegmillError:
        """Why a claim on the job was lost."""
        return ClaimLost(f"The {self.noun} was cancelled, or another worker has taken it over.")

    def stalled(self, time: timedelta, *, leases_over: timedelta) -> Q:
        """Open jobs without a step for `time` that no worker has held since `leases_over` ago."""
        idle = Q(status__in=(JobStatus.WAITING, JobStatus.INTERRUPTED))
        leased = Q(status__in=self.leased, lease_until__lt=Now() - leases_over)
        return Q(idle, created_at__lt=Now() - time) | leased

    def abandoned(self, *phases: str) -> Q:
        """Jobs in one of `phases` whose worker was lost."""
        return Q(status__in=phases, lease_until__lt=Now())

    def claim(self, job_id: UUID, phase: str, begins: Q, moment: str) -> JobClaim | None:
        """Claim the job for `phase`; None if there is nothing to claim.

        The phase may begin where `begins` holds; `moment` is the field for its first start.
        The epoch is read in the transaction that raised it: read later, it might be the next
        holder's, and two workers would share one token.
        """
        untired = Q(attempts__lt=leases.MAX_ATTEMPTS)
        free = self.jobs.filter(is_due(), untired, begins | self.abandoned(phase), pk=job_id)
        try:
            with lock_timeout():
                taken = free.update(
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
                job = self.jobs.only("epoch", "attempts", "tenant_id").get(pk=job_id)
        except Busy:  # its last statement is still running, though its lease has expired
            return None
        self.changed(job_id)
        return JobClaim(job_id, job.epoch, phase, job.attempts, job.tenant_id)

    def lock(self, claim: JobClaim) -> J:
        """Lock the job until the transaction ends: no cancel and no other claim can intervene.

        Raises:
            SegmillError: the claim was lost.
        """
        job = self.jobs.select_for_update(no_key=True).filter(**claim.held).first()
        if job is None:
            raise self.lost_reason(claim.job_id)
        return job

    def move(self, claim: JobClaim, *, often: bool = False, **changes: Any) -> None:
        """Change the row under the claim; the first statement of every transaction that writes.

        Raises:
            SegmillError: the claim was lost.
        """
        held = self.jobs.filter(**claim.held)
        if not held.update(revision=F("revision") + 1, **changes):
            raise self.lost_reason(claim.job_id)
        self.changed(claim.job_id, often=often)

    def renew(self, claim: JobClaim, **changes: Any) -> None:
        """Show progress and keep the lease.

        Raises:
            SegmillError: the claim was lost.
        """
        self.move(claim, often=True, lease_until=lease(), **changes)

    def release(self, claim: JobClaim, seconds: float = 0, **changes: Any) -> None:
        """Leave the job for its next turn, `seconds` from now; the try does not count.

        Raises:
            SegmillError: the claim was lost.
        """
        later = Now() + timedelta(seconds=seconds)
        self.move(claim, attempts=0, lease_until=Now(), not_before=later, **changes)

    def put_back(self, claim: JobClaim, trouble: str, *, grows: bool = True) -> None:
        """Release the claim after an error the job did not cause; it is retried after a pause.

        The pause `grows` with each try, unless the error says nothing about the next one.
        """
        self.jobs.filter(**claim.held).update(
            revision=F("revision") + 1,
            epoch=F("epoch") + 1,
            lease_until=Now(),
            not_before=after_back_off(claim.attempts if grows else 1),
            last_error=trouble,
        )

    @contextmanager
    def holding(self, claim: JobClaim) -> Iterator[None]:
        """Turn an error in the block into the job's outcome: it fails, or is tried again.

        Raises:
            ClaimLost, or any other error: the caller stops working on the job.
        """
        about = {"tenant": claim.tenant_id, "phase": claim.phase, "attempt": claim.attempts}
        with (
            log_context.about(job=claim.job_id, **about),
            put_back_on_trouble(lambda text, grows: self.put_back(claim, text, grows=grows)),
        ):
            logger.info("claimed")
            try:
                yield
            except ClaimLost:
                raise
            except SegmillError as error:
                logger.info("failed: %s", error)
                self.fail_held(claim, error.code, str(error))

    def complete(self, claim: JobClaim, **changes: Any) -> None:
        """Complete the job: the last statement of the transaction that makes its work visible.

        Raises:
            SegmillError: the claim was lost.
        """
        completed = JobStatus.COMPLETED
        self._note(claim.job_id)
        self.move(claim, status=completed, finished_at=Now(), lease_until=None, **changes)

    def fail(self, job_id: UUID, code: str, error: str) -> bool:
        """Fail the job with a code and a sentence; False if it has already ended."""
        return self._end(Q(pk=job_id), job_id, JobStatus.FAILED, code, error)

    def fail_held(self, claim: JobClaim, code: str, error: str) -> bool:
        """As `fail`, but only under the claim: a late worker's failure does not count."""
        return self._end(Q(**claim.held), claim.job_id, JobStatus.FAILED, code, error)

    def cancel(self, job_id: UUID, why: str) -> None:
        """Cancel the job; once this returns, nothing of it can become visible.

        Raises:
            StateConflict: it has already ended, or its work is being made visible now.
            SegmillError: there is no such job.
        """
        try:
            with lock_timeout():
                job = self.jobs.select_for_update(no_key=True).filter(pk=job_id).first()
                if job is None:
                    raise self.not_found(str(job_id))
                if job.is_final:
                    raise StateConflict(f"The {self.noun} has already ended: {_state_of(job)}.")
                self._end(Q(pk=job_id), job_id, JobStatus.CANCELLED, "cancelled", why)
        except Busy as busy:
            raise StateConflict(self.busy_reason(job_id)) from busy

    def interrupt(self, which: Q, job_id: UUID, code: str, error: str, **changes: Any) -> bool:
        """Interrupt the job, to resume automatically after a while, or on request.

        False if it is not in the phase that can be interrupted, or does not match `which`.
        """
        interrupted = self.jobs.filter(which, pk=job_id, status=self.resumes).update(
            status=JobStatus.INTERRUPTED,
            revision=F("revision") + 1,
            attempts=0,
            lease_until=None,
            error_code=code,
            error=error,
            not_before=Now() + timedelta(seconds=leases.RESUME_SECONDS),
            **changes,
        )
        if interrupted:
            self.changed(job_id)
        return bool(interrupted)

    def resume(self, job_id: UUID, *, now: bool = False) -> bool:
        """Resume an interrupted job if it is due, or `now`; True if it was resumed."""
        due = Q() if now else is_due()
        resumed = self.jobs.filter(due, pk=job_id, status=JobStatus.INTERRUPTED).update(
            status=self.resumes,
            revision=F("revision") + 1,
            error_code="",
            error="",
            not_before=None,
            lease_until=Now() if self.resumes in self.leased else None,
        )
        if resumed:
            self.changed(job_id)
        return bool(resumed)

    def spent(self) -> QuerySet[J]:
        """Jobs whose last allowed try failed."""
        return self.jobs.filter(self.abandoned(*self.leased), attempts__gte=leases.MAX_ATTEMPTS)

    @transaction.atomic
    def give_up_if_spent(self, job_id: UUID) -> bool:
        """Fail a job whose last allowed try failed; True if it did.

        A holder that is committing has its row locked and is left alone.
        """
        unlocked = self.spent().select_for_update(skip_locked=True, no_key=True, of=("self",))
        job = unlocked.filter(pk=job_id).first()
        if job is None:
            return False
        why = job.last_error or "Its worker was lost each time."
        error = f"The {self.noun} was tried {job.attempts} times ({_state_of(job)}). {why}"
        return self.fail(job_id, "attempts_spent", error)

    def expire(self, job_id: UUID, hours: int) -> bool:
        """Fail a job without progress for `hours`; True if it did."""
        time = timedelta(hours=hours)
        which = Q(self.stalled(time, leases_over=time), pk=job_id)
        error = (
            f"The {self.noun} has waited for {how_many(hours, 'hour')}. Check that workers are "
            "running and the model is reachable, then start it again."
        )
        return self._end(which, job_id, JobStatus.FAILED, "expired", error)

    def enqueue(self, job_id: UUID) -> None:
        """Ask the next free worker to take a turn at the job; sent with the transaction."""
        queue.enqueue(self.task, job_id)

    @transaction.atomic
    def enqueue_again(self, job_id: UUID) -> None:
        """As `enqueue`, for work whose message may be lost; records the time."""
        self.enqueue(job_id)
        self.jobs.filter(pk=job_id).update(enqueued_at=Now())

    @transaction.atomic
    def _end(self, which: Q, job_id: UUID, status: JobStatus, code: str, error: str) -> bool:
        ended = (
            self.jobs.open()
            .filter(which)
            .update(
                status=status,
                revision=F("revision") + 1,
                epoch=F("epoch") + 1,
                error_code=code,
                error=error,
                finished_at=Now(),
                lease_until=None,
            )
        )
        if ended:
            self._note(job_id)
            self.ended(job_id, status)
            self.changed(job_id)
        return bool(ended)

    def _note(self, job_id: UUID) -> None:
        """Have replicas answer about the job's dataset only once they know of its end."""
        origin = f"{self.noun} {job_id}"
        positions.note_with_commit(self.model._meta.db_table, job_id, origin)


def _state_of(job: Model) -> str:
    """The state as its kind displays it."""
    return str(job.get_status_display())  # type: ignore[attr-defined]


SINCE_CREATED = Greatest("created_at", "not_before")
"""When a job that waits, or whose pause is over, became claimable."""
SINCE_LEASE = Greatest("lease_until", "not_before")
"""When a job whose lease has expired became claimable."""

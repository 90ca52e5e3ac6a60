"""The state machine of background jobs: one definition of every move, for every kind.

    waiting ─claim─► phase ─…─► phase ─complete─► completed
                     ▲  │ claim, once the lease has run out
                     └──┘
       interrupt from a phase, resume back to it
       fail and cancel from every state but the final ones

A move is one conditional update. A claim takes a lease and raises the job's epoch, its fencing
token, which every later write of its holder carries: once it is gone, another holder has taken
over, and the write changes nothing. All times are the database's clock. Attempts count at the
claim, so a killed worker counts too, and each phase has its own. A trigger refuses any other move.

A kind subclasses `StateMachine` with its phases and what it takes to begin each of them.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import F, Model, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest, Now

from datasets.exceptions import SegmillError
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
        """What the row of the job says as long as the claim holds."""
        return {"pk": self.job_id, "epoch": self.epoch, "status": self.phase}


class StateMachine(ABC, Generic[J]):
    """The moves of one kind of job.

    `noun` is what people call the job, `task` what a worker runs for it, `leased` the phases
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
        """The job as its row says now.

        Raises:
            SegmillError: there is no such job (the kind's own `not_found`).
        """
        job = self.jobs.select_related(*self.with_it).filter(pk=job_id).first()
        if job is None:
            raise self.not_found(str(job_id))
        return job

    @abstractmethod
    def claimable(self) -> QuerySet[J]:
        """Jobs with work that a worker could take at this moment.

        Each has `since`, when it could be taken first, and `is_worked_on`: whether other workers
        hold parts of it.
        """

    def changed(self, job_id: UUID, *, often: bool = False) -> None:
        """Called in the transaction of every move; `often` says that it only shows progress."""

    def ended(self, job_id: UUID, status: JobStatus) -> None:
        """Called in the transaction that fails or cancels a job."""

    def busy_reason(self, job_id: UUID) -> str:
        """Why a job that has not ended cannot be cancelled at this moment."""
        return f"A worker is finishing the {self.noun} now, so it is too late to cancel."

    def lost_reason(self, job_id: UUID) -> SegmillError:
        """Why a claim on the job does not hold any more."""
        return ClaimLost(f"The {self.noun} was cancelled, or another worker has taken it over.")

    def stalled(self, time: timedelta, *, leases_over: timedelta) -> Q:
        """Open jobs without a step for `time` that nobody has held since `leases_over` ago."""
        idle = Q(status__in=(JobStatus.WAITING, JobStatus.INTERRUPTED))
        leased = Q(status__in=self.leased, lease_until__lt=Now() - leases_over)
        return Q(idle, created_at__lt=Now() - time) | leased

    def abandoned(self, *phases: str) -> Q:
        """Jobs in one of `phases` whose holder was lost."""
        return Q(status__in=phases, lease_until__lt=Now())

    def claim(self, job_id: UUID, phase: str, begins: Q, moment: str) -> JobClaim | None:
        """Take the job for `phase`; None if there is nothing to take.

        It `begins` where that holds; `moment` is the field that says when the phase first began.
        The epoch is read in the transaction that raised it: read later, it might be that of the
        next holder, and two would work under one token.
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
        except Busy:  # its last statement is running, though its lease has run out
            return None
        self.changed(job_id)
        return JobClaim(job_id, job.epoch, phase, job.attempts, job.tenant_id)

    def lock(self, claim: JobClaim) -> J:
        """The job, locked until the transaction ends: neither a cancel nor a rival gets between.

        Raises:
            SegmillError: the claim does not hold any more.
        """
        job = self.jobs.select_for_update(no_key=True).filter(**claim.held).first()
        if job is None:
            raise self.lost_reason(claim.job_id)
        return job

    def move(self, claim: JobClaim, *, often: bool = False, **changes: Any) -> None:
        """Change the row under the claim; the first statement of every transaction that writes.

        Raises:
            SegmillError: the claim does not hold any more.
        """
        held = self.jobs.filter(**claim.held)
        if not held.update(revision=F("revision") + 1, **changes):
            raise self.lost_reason(claim.job_id)
        self.changed(claim.job_id, often=often)

    def renew(self, claim: JobClaim, **changes: Any) -> None:
        """Show progress and keep the lease.

        Raises:
            SegmillError: the claim does not hold any more.
        """
        self.move(claim, often=True, lease_until=lease(), **changes)

    def release(self, claim: JobClaim, seconds: float = 0, **changes: Any) -> None:
        """Leave the job for the next turn, after so many seconds; the try does not count.

        Raises:
            SegmillError: the claim does not hold any more.
        """
        later = Now() + timedelta(seconds=seconds)
        self.move(claim, attempts=0, lease_until=Now(), not_before=later, **changes)

    def put_back(self, claim: JobClaim, trouble: str, *, grows: bool = True) -> None:
        """Give the claim up after an error not the job's own; tried again after a pause.

        The pause `grows` with each try, unless the error says nothing of the next one.
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
        """What an error means for a job whose claim we hold: its end, or another try.

        Raises:
            ClaimLost, or what else passes on: the caller gives the job up.
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
        """The last statement of the transaction that makes the work visible.

        Raises:
            SegmillError: the claim does not hold any more.
        """
        completed = JobStatus.COMPLETED
        self.move(claim, status=completed, finished_at=Now(), lease_until=None, **changes)

    def fail(self, job_id: UUID, code: str, error: str) -> bool:
        """End the job with a code and a sentence; False if it has ended already."""
        return self._end(Q(pk=job_id), job_id, JobStatus.FAILED, code, error)

    def fail_held(self, claim: JobClaim, code: str, error: str) -> bool:
        """As `fail`, by the claim's holder only: a late worker's failure is not the job's."""
        return self._end(Q(**claim.held), claim.job_id, JobStatus.FAILED, code, error)

    def cancel(self, job_id: UUID, why: str) -> None:
        """End the job; once this returns, nothing of it can become visible.

        Raises:
            StateConflict: it has ended already, or its work is being made visible now.
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
        """Leave the job where it stands, to go on by itself after a while or when resumed.

        False if it is not in the phase that can be interrupted, or not `which`.
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
        """Let an interrupted job go on, if it is due or with `now`; whether that was so."""
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
        """Jobs whose last allowed try came to nothing."""
        return self.jobs.filter(self.abandoned(*self.leased), attempts__gte=leases.MAX_ATTEMPTS)

    @transaction.atomic
    def give_up_if_spent(self, job_id: UUID) -> bool:
        """End a job whose last allowed try came to nothing; whether that was so.

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
        """End a job that nobody has gone on with for so many hours; whether that was so."""
        time = timedelta(hours=hours)
        which = Q(self.stalled(time, leases_over=time), pk=job_id)
        error = (
            f"The {self.noun} has waited for {hours:,} hours. Check that workers are running and "
            "the model is reachable, then start it again."
        )
        return self._end(which, job_id, JobStatus.FAILED, "expired", error)

    def enqueue(self, job_id: UUID) -> None:
        """Ask the next free worker to take a turn at the job; sent with the transaction."""
        queue.enqueue(self.task, job_id)

    @transaction.atomic
    def enqueue_again(self, job_id: UUID) -> None:
        """As `enqueue`, for work whose message may be lost; notes when."""
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
            self.ended(job_id, status)
            self.changed(job_id)
        return bool(ended)


def _state_of(job: Model) -> str:
    """The state in the words of its kind."""
    return str(job.get_status_display())  # type: ignore[attr-defined]


SINCE_CREATED = Greatest("created_at", "not_before")
"""Since when a job can be taken that waits, or whose pause is over."""
SINCE_LEASE = Greatest("lease_until", "not_before")
"""Since when a job can be taken whose lease has run out."""

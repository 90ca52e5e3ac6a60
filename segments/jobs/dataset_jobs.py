"""Jobs that work on a whole dataset in one phase, one of a kind at a time.

    waiting ─claim_work─► phase ─complete─► completed
       failed and cancelled from every state but the final ones

A constraint of the kind's table keeps a dataset from having two open ones.
"""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from segments.exceptions import StateConflict
from segments.jobs.state_machine import J, JobClaim, StateMachine
from segments.models.job import JobStatus


class DatasetMachine(StateMachine[J]):
    """The moves of one such kind; `leased` names its one phase."""

    def claim_work(self, job_id: UUID) -> JobClaim | None:
        """Claim a job that waits, or whose worker was lost; None if there is nothing to claim."""
        begins = Q(status=JobStatus.WAITING)
        return self.claim(job_id, self.leased[0], begins, "started_at")

    def in_progress(self, dataset_id: UUID) -> J | None:
        """The dataset's job that has not ended, if any."""
        jobs = self.jobs.open().select_related(*self.with_it)
        return jobs.filter(dataset_id=dataset_id).first()

    def submit(self, new: J, *, background: bool = True) -> J:
        """Accept a job and, with `background`, enqueue it in the same transaction.

        Raises:
            StateConflict: the dataset has one in progress.
        """
        try:
            with transaction.atomic():
                new.save(force_insert=True)
                if background:
                    self.enqueue(new.pk)
        except IntegrityError as conflict:
            raise StateConflict(self.conflict(new)) from conflict
        return new

    def conflict(self, new: J) -> str:
        """Why a dataset with a job in progress takes no other one now, and what to do."""
        return f"Its {self.noun} is already in progress. Wait until it has ended, or cancel it."

"""The moves of a full-text rebuild, a kind of job (`segments.jobs.state_machine`).

waiting ─claim_rebuilding─► rebuilding ─complete─► completed
   failed and cancelled from both
"""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from segments.exceptions import RebuildNotFound, StateConflict
from segments.jobs.state_machine import JobClaim, StateMachine
from segments.models import FullTextRebuild
from segments.models.rebuild import RebuildStatus


class RebuildMachine(StateMachine[FullTextRebuild]):
    """The moves of rebuilds; the arrows are drawn above."""

    model = FullTextRebuild
    noun = "full-text rebuild"
    task = "segments.tasks.run_rebuild"
    leased = (RebuildStatus.REBUILDING,)
    resumes = RebuildStatus.REBUILDING
    not_found = RebuildNotFound

    def claim_rebuilding(self, job_id: UUID) -> JobClaim | None:
        """Take one that waits, or whose holder was lost; None if there is nothing to take."""
        begins = Q(status=RebuildStatus.WAITING)
        return self.claim(job_id, RebuildStatus.REBUILDING, begins, "started_at")


REBUILDS = RebuildMachine()


def submit(new: FullTextRebuild, *, background: bool = True) -> FullTextRebuild:
    """Accept a rebuild and, with `background`, enqueue it in the same transaction.

    Raises:
        StateConflict: the dataset has one in progress.
    """
    try:
        with transaction.atomic():
            new.save(force_insert=True)
            if background:
                REBUILDS.enqueue(new.pk)
    except IntegrityError as conflict:
        raise StateConflict(
            f"Full text of dataset “{new.dataset}” is already being rebuilt. Wait until that "
            "has ended."
        ) from conflict
    return new

"""The moves of a full-text rebuild, a kind of job (`segments.jobs.dataset_jobs`).

waiting ─claim_work─► rebuilding ─complete─► completed
   failed and cancelled from both
"""

from segments.exceptions import RebuildNotFound
from segments.jobs.dataset_jobs import DatasetMachine
from segments.models import FullTextRebuild
from segments.models.rebuild import RebuildStatus


class RebuildMachine(DatasetMachine[FullTextRebuild]):
    """The moves of rebuilds; the arrows are drawn above."""

    model = FullTextRebuild
    noun = "full-text rebuild"
    task = "segments.tasks.run_rebuild"
    leased = (RebuildStatus.REBUILDING,)
    resumes = RebuildStatus.REBUILDING
    not_found = RebuildNotFound

    def conflict(self, new: FullTextRebuild) -> str:
        """Its rebuild goes on to the end: there is nothing to gain by cancelling it."""
        return (
            f"Full text of dataset “{new.dataset}” is already being rebuilt. Wait until that "
            "has ended."
        )


REBUILDS = RebuildMachine()

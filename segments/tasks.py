"""What django-q2 runs: a line or two each, ids only."""

from uuid import UUID

from segments import heartbeats
from segments.importing import job
from segments.operations import reaper, retention
from segments.reembedding import work


def run_import(job_id: str) -> None:
    """Take a turn at an import."""
    heartbeats.beat(heartbeats.worker())
    job.take_turn(UUID(job_id))


def run_reembedding(reembedding_id: str) -> None:
    """Take a turn at new vectors for a dataset."""
    heartbeats.beat(heartbeats.worker())
    work.take_turn(UUID(reembedding_id))


def show_that_workers_work() -> None:
    """Take a task, and no more than that."""
    heartbeats.beat(heartbeats.worker())


def reap() -> None:
    """See to imports that nobody sees to, where no reaper of its own process does."""
    reaper.sweep()
    retention.clean_up_if_due()

"""What django-q2 runs: a line or two each, ids only."""

from uuid import UUID

from segments.imports import runner
from segments.jobs import heartbeats
from segments.operations import reaper, retention
from segments.rebuilding import run as rebuilding
from segments.reembedding import run


def run_import(job_id: str) -> None:
    """Take a turn at an import."""
    heartbeats.beat(heartbeats.worker())
    runner.take_turn(UUID(job_id))


def run_reembedding(reembedding_id: str) -> None:
    """Take a turn at new vectors for a dataset."""
    heartbeats.beat(heartbeats.worker())
    run.take_turn(UUID(reembedding_id))


def run_rebuild(rebuild_id: str) -> None:
    """Take a turn at full text in another language."""
    heartbeats.beat(heartbeats.worker())
    rebuilding.take_turn(UUID(rebuild_id))


def show_that_workers_work() -> None:
    """Take a task, and no more than that."""
    heartbeats.beat(heartbeats.worker())


def reap() -> None:
    """See to imports that nobody sees to, where no reaper of its own process does."""
    reaper.sweep()
    retention.clean_up_if_due()

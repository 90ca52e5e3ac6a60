"""The tasks that django-q2 runs: a line or two each, with ids only."""

from uuid import UUID

from segments.imports import runner
from segments.jobs import heartbeats
from segments.operations import reaper, retention
from segments.reembedding import run


def run_import(job_id: str) -> None:
    """Take a turn at an import."""
    heartbeats.beat(heartbeats.worker())
    runner.take_turn(UUID(job_id))


def run_reembedding(reembedding_id: str) -> None:
    """Take a turn at new vectors for a dataset."""
    heartbeats.beat(heartbeats.worker())
    run.take_turn(UUID(reembedding_id))


def show_that_workers_work() -> None:
    """Take a task and do nothing: workers that hang cannot."""
    heartbeats.beat(heartbeats.worker())


def reap() -> None:
    """Run the reaper once, for installations without a reaper process."""
    reaper.sweep()
    retention.clean_up_if_due()

"""What django-q2 runs: a line or two each, ids only."""

from uuid import UUID

from segments.imports import runner
from segments.jobs import heartbeats
from segments.models import ImportJob, Reembedding
from segments.models.job import JobStatus
from segments.operations import reaper, retention
from segments.reembedding import run
from segments.search.weights import learn_after_change


def run_import(job_id: str) -> None:
    """Take a turn at an import."""
    heartbeats.beat(heartbeats.worker())
    _learn_after(runner.take_turn(UUID(job_id)))


def run_reembedding(reembedding_id: str) -> None:
    """Take a turn at new vectors for a dataset."""
    heartbeats.beat(heartbeats.worker())
    _learn_after(run.take_turn(UUID(reembedding_id)))


def _learn_after(job: ImportJob | Reembedding | None) -> None:
    """Segments and vectors are there: learn how to weigh them. Nobody waits for this."""
    if job is not None and job.status == JobStatus.COMPLETED:
        learn_after_change(job.dataset_id)


def show_that_workers_work() -> None:
    """Take a task, and no more than that."""
    heartbeats.beat(heartbeats.worker())


def reap() -> None:
    """See to imports that nobody sees to, where no reaper of its own process does."""
    reaper.sweep()
    retention.clean_up_if_due()

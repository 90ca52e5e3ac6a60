"""The tasks that django-q2 runs: a line or two each, with ids only."""

from uuid import UUID

from segments.imports import runner
from segments.indexing import build
from segments.jobs import heartbeats
from segments.models import ImportJob, Reembedding
from segments.models.job import JobStatus
from segments.operations import reaper, retention
from segments.operations.claimable import is_import_left_waiting
from segments.rebuilding import run as rebuilding
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


def build_index(generation_id: str) -> None:
    """Build a generation of an index, as long as no import needs the worker."""
    heartbeats.beat(heartbeats.worker())
    build.take_turn(UUID(generation_id), is_needed_elsewhere=is_import_left_waiting)


def run_rebuild(rebuild_id: str) -> None:
    """Take a turn at full text in another language."""
    heartbeats.beat(heartbeats.worker())
    rebuilding.take_turn(UUID(rebuild_id))


def show_that_workers_work() -> None:
    """Take a task and do nothing: workers that hang cannot."""
    heartbeats.beat(heartbeats.worker())


def reap() -> None:
    """Run the reaper once, for installations without a reaper process."""
    reaper.sweep()
    retention.clean_up_if_due()

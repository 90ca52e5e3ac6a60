"""The tasks of workers, by django-q2 or any other queue: a line or two each, with ids only."""

from uuid import UUID

from django.utils.module_loading import import_string

from segments.imports import runner
from segments.indexing import build
from segments.jobs import heartbeats
from segments.jobs.queue import CANARY
from segments.models import FullTextRebuild, ImportJob, Reembedding
from segments.models.job import JobStatus
from segments.operations import reaper, retention
from segments.operations.claimable import KINDS, is_import_left_waiting
from segments.rebuilding import run as rebuilding
from segments.reembedding import run
from segments.search.weights import learn_after_change
from segments.webhooks import deliveries


def work_on(task: str, job_id: str) -> None:
    """Do what a message asks for: the one call for workers of a project's own queue.

    `task` and `job_id` are what `SEGMILL_QUEUE` was given.

    Raises:
        ValueError: `task` is none of Segmill's.
    """
    if task not in {CANARY, *(kind.task for kind in KINDS)}:
        raise ValueError(f"{task} is not a task of Segmill.")
    function = import_string(task)
    function(job_id) if job_id else function()


def run_import(job_id: str) -> None:
    """Take a turn at an import."""
    heartbeats.beat(heartbeats.worker())
    _learn_after(runner.take_turn(UUID(job_id)))


def run_reembedding(reembedding_id: str) -> None:
    """Take a turn at new vectors for a dataset."""
    heartbeats.beat(heartbeats.worker())
    _learn_after(run.take_turn(UUID(reembedding_id)))


def _learn_after(job: ImportJob | Reembedding | FullTextRebuild | None) -> None:
    """Segments, vectors or words are new: learn how to weigh them. Nobody waits for this."""
    if job is not None and job.status == JobStatus.COMPLETED:
        learn_after_change(job.dataset_id)


def build_index(generation_id: str) -> None:
    """Build a generation of an index, as long as no import needs the worker."""
    heartbeats.beat(heartbeats.worker())
    build.take_turn(UUID(generation_id), is_needed_elsewhere=is_import_left_waiting)


def run_rebuild(rebuild_id: str) -> None:
    """Take a turn at full text in another language."""
    heartbeats.beat(heartbeats.worker())
    _learn_after(rebuilding.take_turn(UUID(rebuild_id)))


def deliver_webhook(delivery_id: str) -> None:
    """Tell a webhook of an event, and of what else waits for it."""
    heartbeats.beat(heartbeats.worker())
    deliveries.take_turn(UUID(delivery_id))


def show_that_workers_work() -> None:
    """Take a task and do nothing: workers that hang cannot."""
    heartbeats.beat(heartbeats.worker())


def reap() -> None:
    """Run the reaper once, for installations without a reaper process."""
    reaper.sweep()
    retention.clean_up_if_due()

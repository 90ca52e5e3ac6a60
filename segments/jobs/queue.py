"""Puts messages on the queue: each names a job by its id and says only “look at it”."""

import logging
from typing import Any
from uuid import UUID

from django.db import transaction
from django_q.conf import Conf
from django_q.models import Schedule
from django_q.tasks import async_task
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

CANARY = "segments.tasks.show_that_workers_work"
# Django-q2 keeps at most 100 characters of a task's name.
NAME = "work on {}"


def enqueue(task: str, job_id: UUID) -> None:
    """Ask the next free worker to run `task` for a job.

    In a transaction the message is sent with it: the ORM broker's message is a row of its own, the
    Redis broker's is sent after the commit.
    """

    def send() -> None:  # a named function: Django cannot log the error of a partial
        _send_if_possible(task, job_id)

    if Conf.ORM:
        _send(task, job_id)
    else:
        transaction.on_commit(send, robust=True)


def send_canary() -> None:
    """Ask the next free worker for a heartbeat."""
    try:
        async_task(CANARY, task_name="heartbeat")
    except RedisError as trouble:
        logger.warning("the broker did not accept the canary: %s", trouble)


def _send(task: str, job_id: UUID) -> None:
    async_task(task, str(job_id), task_name=NAME.format(job_id))


def _send_if_possible(task: str, job_id: UUID) -> None:
    """A broker that is down loses no job: the reaper enqueues it later."""
    try:
        _send(task, job_id)
    except RedisError as trouble:
        logger.warning("%s waits for the reaper to enqueue it again: %s", job_id, trouble)


REAPER = "segmill reaper"
REAP = "segments.tasks.reap"


def ensure_schedules(**kwargs: Any) -> None:
    """Create or update the schedules; called after each `migrate`."""
    every_minute = {
        "func": REAP,
        "schedule_type": Schedule.MINUTES,
        "minutes": 1,
        "repeats": -1,
    }
    Schedule.objects.update_or_create(name=REAPER, defaults=every_minute)

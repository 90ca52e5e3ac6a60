"""Hints: queue messages that name an import and say no more than "have a look at it".

The job's row is the truth, so a hint may be lost, doubled, late or out of order without harm.
"""

import logging
from functools import partial
from uuid import UUID

from django.db import transaction
from django_q.conf import Conf
from django_q.tasks import async_task
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

TASK = "segments.tasks.run_import"
CANARY = "segments.tasks.show_that_workers_work"
# Django-q2 keeps at most 100 characters of a task's name.
NAME = "import {}"


def hint(job_id: UUID) -> None:
    """Ask the next free worker to take a turn at the import.

    In a transaction the hint goes with it: the ORM broker's message is one of its rows, the
    Redis broker's is sent once it has committed.
    """
    if Conf.ORM:
        _send(job_id)
    else:
        transaction.on_commit(partial(_send_if_possible, job_id), robust=True)


def send_canary() -> None:
    """Ask the next free worker for a sign of life."""
    try:
        async_task(CANARY, task_name="sign of life")
    except RedisError as trouble:
        logger.warning("the broker does not take the canary: %s", trouble)


def _send(job_id: UUID) -> None:
    async_task(TASK, str(job_id), task_name=NAME.format(job_id))


def _send_if_possible(job_id: UUID) -> None:
    """A broker that is down loses no import: the reaper sends the hint again."""
    try:
        _send(job_id)
    except RedisError as trouble:
        logger.warning("import %s: its hint waits for the reaper: %s", job_id, trouble)

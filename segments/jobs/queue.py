"""Puts messages on the queue: each names a job by its id and says only “look at it”.

The queue is django-q2 where it is one of the project's apps, or any other that the project hands
messages to (`SEGMILL_QUEUE`). Without either imports run in the foreground only.
"""

import logging
from collections.abc import Callable
from functools import partial
from types import ModuleType
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from segments.db.errors import broker_errors

logger = logging.getLogger(__name__)

CANARY = "segments.tasks.show_that_workers_work"


def has_own_queue() -> bool:
    """Whether messages go to a queue of the project's own."""
    return bool(settings.SEGMILL_QUEUE)


def has_django_q() -> bool:
    """Whether messages go to django-q2."""
    return not has_own_queue() and apps.is_installed("django_q")


def has_workers() -> bool:
    """Whether anybody takes messages."""
    return has_own_queue() or has_django_q()


def enqueue(task: str, job_id: UUID) -> None:
    """Ask the next free worker to run `task` for a job.

    In a transaction the message is sent with it: the ORM broker's message is a row of its own, any
    other is sent after the commit. Without a queue nobody is asked.
    """

    def send() -> None:  # a named function: Django cannot log the error of a partial
        _send_if_possible(task, job_id)

    if has_django_q() and _django_q().is_in_database():
        _django_q().send(task, job_id)
    elif has_workers():
        transaction.on_commit(send, robust=True)


def send_canary() -> None:
    """Ask the next free worker for a heartbeat."""
    if has_django_q():
        _warned(_django_q().send_canary, "the broker did not accept the canary")
    elif has_own_queue():
        _warned(partial(_hand_over, CANARY, ""), "the queue did not accept the canary")


def messages_waiting() -> int | None:
    """How many messages wait in the queue; None if it does not say.

    Raises:
        one of `broker_errors()`: it does not answer.
    """
    return _django_q().messages_waiting() if has_django_q() else None


def worker_count() -> int:
    """Worker processes of one cluster, as far as is known; at least 1."""
    return _django_q().worker_count() if has_django_q() else 1


def is_answering() -> bool:
    """Whether the queue takes messages, as far as it can be asked.

    Raises:
        one of `broker_errors()`: it does not answer.
    """
    return _django_q().is_answering() if has_django_q() else True


def describe() -> str:
    """What the queue is, in a few words."""
    if has_django_q():
        return str(_django_q().describe())
    return f"messages go to {settings.SEGMILL_QUEUE}" if has_own_queue() else "no queue"


def _django_q() -> ModuleType:
    """Django-q2's side; its models can be imported only where it is one of the apps."""
    from segments.jobs import django_q_queue

    return django_q_queue


def _send_if_possible(task: str, job_id: UUID) -> None:
    """A queue that is down loses no job: the reaper enqueues it again."""
    send = _django_q().send if has_django_q() else _hand_over
    _warned(partial(send, task, job_id), f"{job_id} waits for the reaper to enqueue it again")


def _hand_over(task: str, job_id: UUID | str) -> None:
    import_string(settings.SEGMILL_QUEUE)(task, str(job_id))


def _warned(send: Callable[[], object], consequence: str) -> None:
    """Send, or log why that failed: a queue of the project's own raises what it likes."""
    try:
        send()
    except Exception if has_own_queue() else broker_errors() as trouble:
        logger.warning("%s: %s", consequence, trouble)

"""Django-q2 as the queue. Imported only where `django_q` is one of the apps."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.db.models.functions import Now
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import Schedule, Task
from django_q.tasks import async_task

from datasets.wording import how_many
from segments.jobs.queue import CANARY

# Django-q2 keeps at most 100 characters of a task's name.
NAME = "work on {}"
REAPER = "segmill reaper"
REAP = "segments.tasks.reap"


def is_in_database() -> bool:
    """Whether messages are rows of the database, committed with their jobs."""
    return Conf.ORM is not None


def send(task: str, job_id: UUID) -> None:
    """Put a message on the queue."""
    async_task(task, str(job_id), task_name=NAME.format(job_id))


def send_canary() -> None:
    """Put the message on the queue that asks workers for a heartbeat."""
    async_task(CANARY, task_name="heartbeat")


def messages_waiting() -> int:
    """How many messages wait."""
    return int(get_broker().queue_size() or 0)


def worker_count() -> int:
    """Worker processes of one cluster."""
    return int(Conf.WORKERS)


def is_answering() -> bool:
    """Whether the broker answers."""
    return bool(get_broker().ping())


def describe() -> str:
    """The broker's name, and how long its queue is."""
    return f"{get_broker().info()}, {how_many(messages_waiting(), 'message')}"


def ensure_schedules(apps: Apps = installed_apps, **kwargs: Any) -> None:
    """Make the schedules, or bring them up to date; called after each `migrate`.

    Nothing is done while a `migrate` of other apps has left out the queue's own tables.
    """
    try:
        apps.get_model("django_q", "Schedule")
    except LookupError:
        return
    every_minute = {
        "func": REAP,
        "schedule_type": Schedule.MINUTES,
        "minutes": 1,
        "repeats": -1,
    }
    Schedule.objects.update_or_create(name=REAPER, defaults=every_minute)


def is_scheduled() -> bool:
    """Whether the reaper is on the schedule."""
    return bool(Schedule.objects.filter(name=REAPER, func=REAP, repeats=-1).exists())


def remove_old_failures(age: timedelta) -> int:
    """Remove what failed longer than `age` ago; how many that were."""
    return int(Task.objects.filter(success=False, stopped__lt=Now() - age).delete()[0])

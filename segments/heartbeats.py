"""Signs of life in our own table: django-q2's own statistics stay green while workers hang."""

import socket
from datetime import timedelta

from django.db.models import DurationField, ExpressionWrapper, F, QuerySet
from django.db.models.functions import Now

from segments.models import Heartbeat

REAPER = "reaper"
CANARY = "canary sent"
CLEANING = "cleaning"
WORKER_PREFIX = "worker:"


def worker() -> str:
    """The name of this machine's workers."""
    return WORKER_PREFIX + socket.gethostname()


def beat(name: str) -> None:
    """Note that it happens now."""
    Heartbeat.objects.bulk_create(
        [Heartbeat(name=name, at=Now())],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["at"],
    )


def age(name: str) -> float | None:
    """Seconds since it happened last, or None if it never did."""
    return _age(Heartbeat.objects.filter(name=name))


def age_of_any_worker() -> float | None:
    """Seconds since a worker of any machine took a task, or None if none ever did."""
    return _age(Heartbeat.objects.filter(name__startswith=WORKER_PREFIX))


def _age(beats: QuerySet[Heartbeat]) -> float | None:
    passed = ExpressionWrapper(Now() - F("at"), output_field=DurationField())
    ages = beats.annotate(passed=passed).order_by("passed").values_list("passed", flat=True)
    last: timedelta | None = ages.first()
    return None if last is None else last.total_seconds()

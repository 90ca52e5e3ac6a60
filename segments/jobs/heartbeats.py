"""Heartbeats in our own table: django-q2's own statistics stay green while workers hang."""

import socket
from datetime import timedelta

from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Now

from segments.models import Heartbeat

REAPER = "reaper"
CANARY = "canary sent"
CLEANING = "cleaning"
WORKER_PREFIX = "worker:"
PASSED = ExpressionWrapper(Now() - F("at"), output_field=DurationField())


def worker() -> str:
    """The name of this machine's workers."""
    return WORKER_PREFIX + socket.gethostname()


def beat(name: str) -> None:
    """Record a heartbeat of `name`."""
    Heartbeat.objects.bulk_create(
        [Heartbeat(name=name, at=Now())],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["at"],
    )


def age(name: str) -> float | None:
    """Seconds since the last heartbeat of `name`, or None if there was none."""
    return _age(Heartbeat.objects.filter(name=name))


def ages() -> dict[str, float]:
    """Seconds since the last heartbeats of each machine's workers and of the reaper, by name."""
    theirs = Q(name__startswith=WORKER_PREFIX) | Q(name=REAPER)
    beats = Heartbeat.objects.filter(theirs).annotate(passed=PASSED).order_by("name")
    return {name: passed.total_seconds() for name, passed in beats.values_list("name", "passed")}


def age_of_any_worker() -> float | None:
    """Seconds since a worker of any machine took a task, or None if none ever did."""
    return _age(Heartbeat.objects.filter(name__startswith=WORKER_PREFIX))


def forget_machines(gone_after: timedelta) -> int:
    """Forget machines without a heartbeat for `gone_after`; returns how many."""
    stale = Heartbeat.objects.filter(name__startswith=WORKER_PREFIX, at__lt=Now() - gone_after)
    return stale.delete()[0]


def _age(beats: QuerySet[Heartbeat]) -> float | None:
    passed = beats.annotate(passed=PASSED).order_by("passed").values_list("passed", flat=True)
    last: timedelta | None = passed.first()
    return None if last is None else last.total_seconds()

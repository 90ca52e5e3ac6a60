"""What the queue runs by the clock, for installations without a reaper of its own process."""

from typing import Any

from django_q.models import Schedule

REAPER = "segmill reaper"
REAP = "segments.tasks.reap"


def ensure_schedules(**kwargs: Any) -> None:
    """Make the schedules, or bring them up to date; called after each `migrate`."""
    every_minute = {
        "func": REAP,
        "schedule_type": Schedule.MINUTES,
        "minutes": 1,
        "repeats": -1,
    }
    Schedule.objects.update_or_create(name=REAPER, defaults=every_minute)

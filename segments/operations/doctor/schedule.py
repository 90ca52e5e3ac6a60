"""The queue's own clock, which does the reaper's work where no reaper runs."""

from collections.abc import Iterator

from django_q.models import Schedule

from segments.operations.doctor.check import Check, Problem
from segments.schedules import REAP, REAPER, ensure_schedules


class ScheduleCheck(Check):
    """The reaper is on the schedule."""

    name = "schedule"
    can_repair = True

    def look(self) -> Iterator[Problem]:
        """It is missing, or was changed."""
        if not Schedule.objects.filter(name=REAPER, func=REAP, repeats=-1).exists():
            yield Problem(
                "The reaper is not on the queue's schedule.",
                "Run: manage.py doctor --repair (or migrate, which makes it)",
            )

    def repair(self) -> Iterator[str]:
        """Put it there."""
        ensure_schedules()
        yield "The reaper is on the queue's schedule again."

    def summary(self) -> str:
        """That it is there."""
        return "the reaper is on it"

"""Signs of life of workers and reaper."""

from collections.abc import Iterator

from segments import heartbeats
from segments.operations import health
from segments.operations.doctor.check import Check, Problem

# The reaper looks every few seconds, or once a minute by the queue's schedule, which is late by
# half a minute at most.
REAPER_SECONDS = 180


class HeartbeatsCheck(Check):
    """Workers take tasks, and the reaper looks."""

    name = "signs of life"

    def look(self) -> Iterator[Problem]:
        """Who has been silent for too long."""
        if not health.are_workers_well():
            yield Problem(
                f"No worker has shown a sign of life {_since(heartbeats.age_of_any_worker())}.",
                "Run: manage.py run_workers",
            )
        reaper = heartbeats.age(heartbeats.REAPER)
        if reaper is None or reaper > REAPER_SECONDS:
            yield Problem(
                f"The reaper has not looked {_since(reaper)}.",
                "Run: manage.py import_reaper (run_workers brings one along)",
            )

    def summary(self) -> str:
        """When they were seen last."""
        worker, reaper = heartbeats.age_of_any_worker(), heartbeats.age(heartbeats.REAPER)
        return f"workers {_ago(worker)}, reaper {_ago(reaper)}"


def _ago(seconds: float | None) -> str:
    return "not yet" if seconds is None else f"{seconds:,.0f} s ago"


def _since(seconds: float | None) -> str:
    return "yet" if seconds is None else f"for {seconds:,.0f} s"

"""Checks of the work: imports, re-embeddings, and the heartbeats of those who do it."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Greatest, Now

from segments.jobs import heartbeats
from segments.models import ImportJob, Reembedding
from segments.operations import health, reaper
from segments.operations.claimable import find_claimable
from segments.operations.doctor.check import Check, Problem
from segments.reembedding import state, vectors

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


LISTED = 5


class StuckImportsCheck(Check):
    """Work is taken within `SEGMILL_STALL_SECONDS`, and nothing is left after an end."""

    name = "imports"
    can_repair = True

    def look(self) -> Iterator[Problem]:
        """Imports that have waited for too long though a worker could go on with them."""
        patience = settings.SEGMILL_STALL_SECONDS
        stuck = [found for found in find_claimable() if found.since > patience]
        for found in islice(stuck, LISTED):
            yield Problem(
                f"Import {found.job_id} has waited for {found.since:,.0f} s; no worker takes it.",
                "See that workers run (manage.py run_workers); --repair tells them again.",
            )
        if len(stuck) > LISTED:
            yield Problem(f"So have {len(stuck) - LISTED:,} more.", "As above.")

    def repair(self) -> Iterator[str]:
        """Do what the reaper does, at once."""
        swept = reaper.sweep()
        if swept is None:
            yield "A reaper is at work at this moment."
            return
        if swept.hinted:
            yield f"Workers were told of {swept.hinted:,} imports."
        if swept.failed:
            yield f"{swept.failed:,} imports that could not go on were ended."

    def summary(self) -> str:
        """How many are under way."""
        return f"{ImportJob.objects.open().count():,} under way, none stuck"


class ReembeddingsCheck(Check):
    """Work on them is taken within `SEGMILL_STALL_SECONDS`, and nothing is left after an end."""

    name = "reembeddings"
    can_repair = True

    def look(self) -> Iterator[Problem]:
        """Those that have waited for too long, and vectors that nobody will use."""
        for stuck in _stuck().select_related("dataset"):
            yield Problem(
                f"New vectors of dataset “{stuck.dataset}” wait ({stuck.pk}); nobody makes them.",
                "See that workers run (manage.py run_workers); --repair tells them again.",
            )
        if owners := vectors.ownerless():
            yield Problem(
                f"Vectors of {len(owners):,} that have ended are kept for nobody.",
                "Run: manage.py doctor --repair (or the reaper, which does the same)",
            )

    def repair(self) -> Iterator[str]:
        """Do what the reaper does, at once."""
        if removed := vectors.clear_ownerless():
            yield f"The vectors of {removed:,} that have ended were removed."
        if told := reaper.hint_overdue(patience=0):
            yield f"Workers were told of {told:,}."

    def summary(self) -> str:
        """How many are under way."""
        return f"{Reembedding.objects.open().count():,} under way, none stuck"


def _stuck() -> QuerySet[Reembedding]:
    long_ago = Now() - timedelta(seconds=settings.SEGMILL_STALL_SECONDS)
    since = Greatest("created_at", "not_before", "lease_until")
    return Reembedding.objects.annotate(since=since).filter(state.claimable(), since__lt=long_ago)

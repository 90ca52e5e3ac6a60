"""Imports that nobody sees to."""

from collections.abc import Iterator
from itertools import islice

from django.conf import settings

from segments.models import ImportJob
from segments.operations import reaper
from segments.operations.claimable import find_claimable
from segments.operations.doctor.check import Check, Problem

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

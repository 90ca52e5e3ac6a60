"""New vectors of datasets that nobody sees to."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Greatest, Now

from segments.models import Reembedding
from segments.operations import reembeddings
from segments.operations.doctor.check import Check, Problem
from segments.reembedding import state, vectors


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
        if told := reembeddings.hint_overdue(patience=0):
            yield f"Workers were told of {told:,}."

    def summary(self) -> str:
        """How many are under way."""
        return f"{Reembedding.objects.open().count():,} under way, none stuck"


def _stuck() -> QuerySet[Reembedding]:
    long_ago = Now() - timedelta(seconds=settings.SEGMILL_STALL_SECONDS)
    since = Greatest("created_at", "not_before", "lease_until")
    return Reembedding.objects.annotate(since=since).filter(state.claimable(), since__lt=long_ago)

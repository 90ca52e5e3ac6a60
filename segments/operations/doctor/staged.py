"""Staged rows and chunks that no import will ever use."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from segments.importing import job, staging
from segments.models import Chunk, ImportJob
from segments.models.import_job import FINAL_STATUSES
from segments.operations.doctor.check import Check, Problem
from segments.operations.reaper import TIDY_AFTER

# The reaper has had its time for these.
LONG_AGO = TIDY_AFTER + timedelta(minutes=2)


class StagedRowsCheck(Check):
    """Nothing is staged but for open imports and for dry runs at work."""

    name = "staged rows"
    can_repair = True

    def look(self) -> Iterator[Problem]:
        """Owners that have ended, or that there never was an import for."""
        remedy = "Run: manage.py doctor --repair (or the reaper, which does the same)"
        if owners := _ownerless():
            yield Problem(f"Rows of {len(owners):,} imports are staged for nobody.", remedy)
        if untidied := _untidied().count():
            yield Problem(f"{untidied:,} imports have ended and were not tidied.", remedy)

    def repair(self) -> Iterator[str]:
        """Remove what is staged for nobody."""
        for untidied in _untidied():
            job.settle(untidied.pk)
            yield f"Import {untidied.pk}, which has ended, was tidied."
        for owner in _ownerless():
            staging.clear(owner)
            yield f"What was staged for {owner} was removed."

    def summary(self) -> str:
        """That there is nothing."""
        return "none without an import"


def _ownerless() -> set[UUID]:
    ended = Chunk.objects.filter(job__status__in=FINAL_STATUSES, job__tidied_at__isnull=False)
    fresh = ImportJob.objects.filter(finished_at__gte=Now() - LONG_AGO)
    found = staging.ownerless() | set(ended.values_list("job_id", flat=True))
    return found - set(fresh.filter(pk__in=found).values_list("pk", flat=True))


def _untidied() -> QuerySet[ImportJob]:
    return ImportJob.objects.filter(
        status__in=FINAL_STATUSES, tidied_at__isnull=True, finished_at__lt=Now() - LONG_AGO
    )

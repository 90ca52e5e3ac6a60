"""Checks of the work: whether it is done, what is stuck, and what was left behind."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from datasets.wording import how_many
from segments.imports import runner, staging
from segments.indexing import upkeep
from segments.jobs import heartbeats, queue
from segments.models import Chunk, ImportJob
from segments.models.job import FINAL_STATUSES
from segments.operations import health, reaper
from segments.operations.claimable import KINDS, find_claimable
from segments.operations.doctor.check import REPAIR, Check, Problem
from segments.reembedding import vectors

# The reaper runs every few seconds, or once a minute by the queue's schedule, which is late by
# half a minute at most.
REAPER_SECONDS = 180


class HeartbeatsCheck(Check):
    """Workers take tasks, and the reaper runs, even where only the queue's schedule calls it."""

    name = "heartbeats"
    can_repair = True

    def look(self) -> Iterator[Problem]:
        """Workers or a reaper without a recent heartbeat, and a missing schedule."""
        if queue.has_workers() and not health.are_workers_well():
            yield Problem(
                f"No worker has reported {_since(heartbeats.age_of_any_worker())}.",
                "Run: manage.py run_workers",
            )
        age = heartbeats.age(heartbeats.REAPER)
        if age is None or age > REAPER_SECONDS:
            yield Problem(
                f"The reaper has not run {_since(age)}.",
                "Run: manage.py import_reaper (run_workers starts one, too)",
            )
        if not _is_scheduled():
            yield Problem("The reaper is not scheduled in the queue.", REPAIR)

    def repair(self) -> Iterator[str]:
        """Put the reaper back on the schedule."""
        if not _is_scheduled():
            from segments.jobs.django_q_queue import ensure_schedules  # imports its models

            ensure_schedules()
            yield "The reaper is scheduled again."

    def summary(self) -> str:
        """When they last reported."""
        worker, reaper = heartbeats.age_of_any_worker(), heartbeats.age(heartbeats.REAPER)
        return f"workers {_ago(worker)}, reaper {_ago(reaper)}"


def _is_scheduled() -> bool:
    if not queue.has_django_q():
        return True  # by whoever runs the project's own queue, or by nobody
    from segments.jobs.django_q_queue import is_scheduled  # imports its models

    return is_scheduled()


def _ago(seconds: float | None) -> str:
    return "not yet" if seconds is None else f"{seconds:,.0f} s ago"


def _since(seconds: float | None) -> str:
    return "yet" if seconds is None else f"for {seconds:,.0f} s"


LISTED = 5


class StuckWorkCheck(Check):
    """A worker claims every job within `stall_seconds()`."""

    name = "stuck work"
    can_repair = True

    def look(self) -> Iterator[Problem]:
        """Jobs that have waited longer, although a worker could claim them."""
        stuck = list(_stuck_jobs())
        for text in islice(stuck, LISTED):
            yield Problem(
                f"{text}; no worker takes it.",
                "Check that workers are running (manage.py run_workers); "
                "--repair enqueues it again.",
            )
        if len(stuck) > LISTED:
            yield Problem(f"So have {len(stuck) - LISTED:,} more.", "As above.")

    def repair(self) -> Iterator[str]:
        """Run the reaper once, unless another one is running."""
        swept = reaper.sweep() or reaper.Sweep()
        if swept.enqueued:
            yield f"Enqueued again: {how_many(swept.enqueued, 'waiting job')}."
        if swept.failed:
            yield f"Failed, as out of attempts: {how_many(swept.failed, 'job')}."

    def summary(self) -> str:
        """How many are in progress."""
        counts = [(kind.jobs.open().count(), kind.noun) for kind in KINDS]
        told = [how_many(count, noun) for count, noun in counts if count]
        return f"{' and '.join(told) or 'nothing'} in progress"


def _stuck_jobs() -> Iterator[str]:
    for found in find_claimable():
        if found.since > reaper.stall_seconds():
            yield f"The {found.kind.noun} {found.job_id} has waited for {found.since:,.0f} s"


# The reaper has had time to tidy these.
LONG_AGO = reaper.TIDY_AFTER + timedelta(minutes=2)


class LeftoversCheck(Check):
    """Rows and vectors are staged only for jobs in progress."""

    name = "leftovers"
    can_repair = True

    def look(self) -> Iterator[Problem]:
        """What jobs left that have ended or were deleted."""
        if untidied := _untidied().count():
            yield Problem(f"Not cleaned up: {how_many(untidied, 'finished import')}.", REPAIR)
        if owners := _owners_of_rows():
            yield Problem(
                f"{how_many(len(owners), 'finished import')} left staged rows behind.", REPAIR
            )
        if owners := set(vectors.ownerless()):
            yield Problem(f"{how_many(len(owners), 're-embedding')} left vectors behind.", REPAIR)
        orphans, lost = upkeep.problems()
        if orphans:
            yield Problem(f"Without an index: {how_many(orphans, 'table')} of indexes.", REPAIR)
        if lost:
            slow = how_many(lost, "index has", "indexes have")
            yield Problem(f"{slow} lost tables: searches are slow.", REPAIR)

    def repair(self) -> Iterator[str]:
        """Remove it, as the reaper does."""
        if tidied := sum(_is_tidied(untidied.pk) for untidied in _untidied()):
            yield f"Cleaned up: {how_many(tidied, 'finished import')}."
        owners = _owners_of_rows()
        for owner in owners:
            staging.clear(owner)
        if owners:
            yield f"The staged rows of {how_many(len(owners), 'import')} were removed."
        if removed := vectors.clear_ownerless():
            yield f"The vectors of {how_many(removed, 're-embedding')} were removed."
        if tidied := upkeep.tidy():
            yield f"Dropped, or to be built again: {how_many(tidied, 'table')} of indexes."

    def summary(self) -> str:
        """That there is nothing."""
        return "none"


def _is_tidied(job_id: UUID) -> bool:
    """Tidy up after an import that has ended; True if that worked."""
    runner.settle(job_id)
    return ImportJob.objects.filter(pk=job_id, tidied_at__isnull=False).exists()


def _owners_of_rows() -> set[UUID]:
    ended = Chunk.objects.filter(job__status__in=FINAL_STATUSES, job__tidied_at__isnull=False)
    fresh = ImportJob.objects.filter(finished_at__gte=Now() - LONG_AGO)
    found = staging.ownerless() | set(ended.values_list("job_id", flat=True))
    return found - set(fresh.filter(pk__in=found).values_list("pk", flat=True))


def _untidied() -> QuerySet[ImportJob]:
    return ImportJob.objects.filter(
        status__in=FINAL_STATUSES, tidied_at__isnull=True, finished_at__lt=Now() - LONG_AGO
    )

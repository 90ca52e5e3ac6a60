"""The reaper's part in indexes: drop what is nobody's, see what is lost, start what is due."""

import logging

from django.db import connection
from django.db.models import Sum

from datasets.models import Dataset
from segments.indexing import plan, tables
from segments.models import IndexGeneration

FULL_TEXT_INDEX = "segment_full_text"

logger = logging.getLogger(__name__)


def merge_full_text() -> None:
    """Move pending full-text entries into PostgreSQL's index.

    Every look-up of a word reads all that is pending. After a publish that would be much; edits
    and counted hits, too, leave entries, which PostgreSQL by itself may merge days later.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT gin_clean_pending_list(%s)", [FULL_TEXT_INDEX])


def tidy() -> int:
    """Drop tables of generations that are gone, forget generations whose tables are; how many.

    Searches compare what a lost table had instead; here a build of it starts. Full-text entries
    of edits since the last time are merged.
    """
    merge_full_text()
    lost = tables.lost()
    for generation in lost:
        logger.warning("the table of index %s of %s is lost", generation.pk, generation.dataset)
    tables.forget(lost)
    for dataset in {generation.dataset for generation in lost}:
        plan.ensure_if_worthwhile(dataset)
    return len(lost) + tables.drop_orphans()


def start_due_builds() -> int:
    """Start the builds that are worth it by now, after edits and deletions too; how many.

    Datasets too small for an index are passed over by their documents' totals.
    """
    large = Dataset.objects.annotate(segment_count=Sum("documents__segment_count"))
    due = large.filter(segment_count__gte=plan.TAIL_ROWS).order_by("pk")
    return sum(plan.ensure_if_worthwhile(dataset) is not None for dataset in due.iterator())


def problems() -> tuple[int, int]:
    """How many tables are nobody's, and how many generations have lost theirs."""
    return len(tables.orphans()), len(tables.lost())


def total_vectors() -> tuple[int, int]:
    """How many vectors are indexed in all, and the bytes that their tables take."""
    completed = IndexGeneration.objects.filter(status="completed")
    found = completed.aggregate(vectors=Sum("vectors", default=0), bytes=Sum("bytes", default=0))
    return found["vectors"], found["bytes"]

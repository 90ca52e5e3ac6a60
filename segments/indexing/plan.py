"""Which versions the next generation of a dataset's index covers, and whether it is worth it.

Generations lie one after another, each with the versions after the one before. A new one takes
what is newer than all of them (the tail), and along with it the generations before it that are
not much larger: as Lucene merges its segments by size, so that there are few of them and each
row is built into an index a few times only. A generation most of whose rows are dead (deleted,
or changed since) is built again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from datasets.models import Dataset
from segments.indexing.state import ensure_building, generations_of
from segments.models import IndexGeneration

# A tail of so many rows takes a search some milliseconds to scan; a generation takes one or two.
TAIL_ROWS = 2_000
# A generation joins a new one that has at least half as many rows by then.
MERGE_FACTOR = 2
# A generation of which so large a share is dead is built again.
DEAD_SHARE = 0.4
# What pgvector needs in memory for a row besides its vector: an element and its neighbours.
BYTES_A_ROW = 1_100
BYTES_A_DIMENSION = 2

COUNT = """
    SELECT count(*) FROM (
        SELECT FROM segments_documentsegment
        WHERE dataset_id = %(dataset)s AND version > %(after)s AND version <= %(until)s
        LIMIT %(most)s
    ) found
"""
# The version of the row that is the last one to fit.
LAST_THAT_FITS = """
    SELECT version FROM segments_documentsegment
    WHERE dataset_id = %(dataset)s AND version > %(after)s AND version <= %(until)s
    ORDER BY version OFFSET %(rows)s - 1 LIMIT 1
"""
DIMENSIONS = """
    SELECT vector_dims(embedding) FROM segments_documentsegment
    WHERE dataset_id = %(dataset)s AND embedding IS NOT NULL LIMIT 1
"""
LAST_POSSIBLE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Versions after `after` up to `until`, and the generations whose place a new one takes."""

    after: int
    until: int
    rows: int
    replaces: tuple[UUID, ...] = ()


def next_range(dataset: Dataset, watermark: int) -> VersionRange | None:
    """What a generation that is built now covers; None if there is nothing to build."""
    every = list(generations_of(dataset))
    generations = _without_gaps(every)
    covered = generations[-1].to_version if generations else 0
    rows = count_rows(dataset.pk, covered, watermark)
    if not rows:
        return _mostly_dead(dataset, generations)
    fits = rows_that_fit(dimensions_of(dataset))
    if rows > fits:
        watermark = _last_that_fits(dataset.pk, covered, watermark, fits)
        rows = fits
    beyond = [each.pk for each in every[len(generations) :] if each.to_version <= watermark]
    found = VersionRange(covered, watermark, rows, tuple(beyond))
    for generation in reversed(generations):
        live = count_rows(dataset.pk, generation.from_version, generation.to_version)
        if live > MERGE_FACTOR * found.rows or live + found.rows > fits:
            break
        replaces = (generation.pk, *found.replaces)
        found = VersionRange(generation.from_version, watermark, found.rows + live, replaces)
    return found


def ensure_if_worthwhile(dataset: Dataset) -> UUID | None:
    """Start building if that makes searches faster; the id of what was started."""
    if is_worthwhile(dataset):
        return ensure_building(dataset)
    return None


def is_worthwhile(dataset: Dataset) -> bool:
    """Whether the tail is long, or a generation mostly dead, and nothing is being built yet."""
    if IndexGeneration.objects.open().filter(dataset=dataset).exists():
        return False
    generations = _without_gaps(list(generations_of(dataset)))
    covered = generations[-1].to_version if generations else 0
    tail = count_rows(dataset.pk, covered, LAST_POSSIBLE, most=TAIL_ROWS)
    return tail >= TAIL_ROWS or _mostly_dead(dataset, generations) is not None


def _without_gaps(generations: Sequence[IndexGeneration]) -> list[IndexGeneration]:
    """Those up to the first gap: what follows one that was lost is built again with it."""
    found: list[IndexGeneration] = []
    for generation in generations:
        if generation.from_version > (found[-1].to_version if found else 0):
            break
        found.append(generation)
    return found


def _mostly_dead(dataset: Dataset, generations: Sequence[IndexGeneration]) -> VersionRange | None:
    """The range of a generation that a search has to skip many rows of."""
    for each in generations:
        live = count_rows(dataset.pk, each.from_version, each.to_version)
        dead = each.rows - live
        if dead >= TAIL_ROWS and dead > DEAD_SHARE * each.rows:
            return VersionRange(each.from_version, each.to_version, live, (each.pk,))
    return None


def count_rows(dataset_id: UUID, after: int, until: int, most: int | None = None) -> int:
    """How many segments have versions after `after` up to `until`; counted up to `most`."""
    limits = {"dataset": dataset_id, "after": after, "until": until, "most": most}
    return int(_value(COUNT, limits))


def rows_that_fit(dimensions: int) -> int:
    """How many rows of an index fit into the memory that a build may take."""
    each = BYTES_A_ROW + BYTES_A_DIMENSION * dimensions
    return max(settings.SEGMILL_INDEX_MEMORY_MIB * 1024 * 1024 // each, TAIL_ROWS)


def dimensions_of(dataset: Dataset) -> int:
    """The dimension of a vector of the dataset; 0 if it has none."""
    return int(_value(DIMENSIONS, {"dataset": dataset.pk}) or 0)


def _last_that_fits(dataset_id: UUID, after: int, until: int, rows: int) -> int:
    limits = {"dataset": dataset_id, "after": after, "until": until, "rows": rows}
    return int(_value(LAST_THAT_FITS, limits))


def _value(statement: str, parameters: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row = cursor.fetchone()
        return row and row[0]

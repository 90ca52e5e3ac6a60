"""The tables that generations have of their own: how they are named, found and dropped.

Each is named `segments_<part>_<id of the generation>`. They are made in the transaction that
completes their generation, so one that can be seen belongs to a row of `IndexGeneration`, or
that row was deleted: with its dataset, or when a larger generation took its place.
"""

import logging
from collections.abc import Iterable
from uuid import UUID

from django.db import connection, transaction

from segments.db.transactions import Busy, lock_timeout
from segments.models import IndexGeneration
from segments.models.indexing import IndexStatus

logger = logging.getLogger(__name__)

# The parts of a generation. Only one without vectors lacks the last two.
ENTRIES, WORDS, VALUES = "entries", "words", "values"
VECTORS, SIGNATURES = "vectors", "signatures"

TABLES = """
    SELECT relname, right(relname, 32) FROM pg_class
    WHERE relkind = 'r' AND relname ~ '^segments_[a-z]+_[0-9a-f]{32}$'
        AND relnamespace = current_schema()::regnamespace
"""
ORPHANS = f"""
    {TABLES} AND NOT EXISTS (
        SELECT FROM segments_indexgeneration
        WHERE replace(id::text, '-', '') = right(relname, 32))
"""
SIZE = """
    SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0)
    FROM unnest(%s::text[]) AS name
"""


def table_of(part: str, generation_id: UUID) -> str:
    """The name of the table in which a part of the index keeps a generation."""
    return f"segments_{part}_{generation_id.hex}"


def existing() -> dict[str, UUID]:
    """All such tables by their names, with the generations that they are of."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        return {name: UUID(owner) for name, owner in cursor.fetchall()}


def total_bytes(generation_id: UUID) -> int:
    """What the tables of a generation and their indexes take on the disk."""
    names = [name for name, owner in existing().items() if owner == generation_id]
    with connection.cursor() as cursor:
        cursor.execute(SIZE, [names])
        return int(cursor.fetchone()[0])


def orphans() -> list[str]:
    """Tables of generations that are gone."""
    with connection.cursor() as cursor:
        cursor.execute(ORPHANS)
        return [name for name, _ in cursor.fetchall()]


def drop_orphans() -> int:
    """Drop the tables of generations that are gone; how many that were.

    One that a long transaction reads is left for the next time: whoever waits for it would keep
    later searches waiting behind.
    """
    return sum(map(_is_dropped, orphans()))


def _is_dropped(table: str) -> bool:
    try:
        with lock_timeout(), connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
    except Busy:
        logger.info("%s is being read; it is dropped later", table)
        return False
    return True


def lost() -> list[IndexGeneration]:
    """Completed generations of which a table is missing: it was dropped by hand."""
    names = set(existing())
    completed = IndexGeneration.objects.filter(status=IndexStatus.COMPLETED)
    return [
        each
        for each in completed.select_related("dataset")
        if not names.issuperset(table_of(part, each.pk) for part in _parts_of(each))
    ]


def _parts_of(generation: IndexGeneration) -> tuple[str, ...]:
    always = (ENTRIES, WORDS, VALUES)
    return (*always, VECTORS, SIGNATURES) if generation.vectors else always


@transaction.atomic
def forget(generations: Iterable[IndexGeneration]) -> int:
    """Delete the rows of generations; how many there were. Searches do without them at once."""
    ids = [generation.pk for generation in generations]
    return IndexGeneration.objects.filter(pk__in=ids).delete()[0]

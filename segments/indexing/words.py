"""The full-text part of a generation: for each word, the segments that have it and how often.

Two tables of the generation's own, made in one go and never changed:

* entries: `ordinal` (from 0), segment, version, and length in characters;
* words: `word`, and parallel arrays of ordinals (rising) and of frequencies (at most 255).

PostgreSQL's own full-text index knows which rows have a word, but not how often: BM25 over it has
to read every row, which takes 0.1 s at a million segments. Arrays of numbers take milliseconds.
"""

from typing import Protocol
from uuid import UUID

from django.db import connection, transaction

# For the sort of all words of all segments; what does not fit goes to disk.
WORK_MEM = "256MB"
# A frequency beyond this adds nothing: BM25 has long reached its limit.
MAX_FREQUENCY = 255

MAKE_ENTRIES = """
    CREATE TABLE {entries} AS
    SELECT (row_number() OVER () - 1)::int AS ordinal, id AS segment_id, version,
        word_count AS length
    FROM segments_documentsegment
    WHERE dataset_id = %(dataset)s AND version > %(after)s AND version <= %(to)s
"""
# An entry whose segment has changed since has no words here: the segment is in the tail.
MAKE_WORDS = """
    INSERT INTO {words} (word, ordinals, frequencies)
    SELECT lexeme, array_agg(ordinal ORDER BY ordinal),
        array_agg(frequency ORDER BY ordinal)
    FROM (
        SELECT lexeme, ordinal,
            least(coalesce(cardinality(positions), 1), %(most)s)::int2 AS frequency
        FROM {entries} AS entry
        JOIN segments_documentsegment AS segment
            ON segment.id = entry.segment_id AND segment.version = entry.version
        CROSS JOIN LATERAL unnest(search_vector)
    ) AS occurrence
    GROUP BY lexeme
"""


class Generation(Protocol):
    """The segments of a dataset with versions above `from_version`, up to `to_version`."""

    pk: UUID
    dataset_id: UUID
    from_version: int
    to_version: int


def entries_table(generation_id: UUID) -> str:
    """The name of the table of a generation's segments."""
    return f"segments_entries_{generation_id.hex}"


def words_table(generation_id: UUID) -> str:
    """The name of the table of a generation's words."""
    return f"segments_words_{generation_id.hex}"


@transaction.atomic
def create(generation: Generation) -> None:
    """Make and fill both tables; what an earlier try left of them is dropped first."""
    drop(generation.pk)
    entries, words = entries_table(generation.pk), words_table(generation.pk)
    range_ = {
        "dataset": generation.dataset_id,
        "after": generation.from_version,
        "to": generation.to_version,
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', %s, true)", [WORK_MEM])
        cursor.execute(MAKE_ENTRIES.format(entries=entries), range_)
        cursor.execute(f"ALTER TABLE {entries} ADD PRIMARY KEY (ordinal)")
        cursor.execute(
            f'CREATE TABLE {words} (word text COLLATE "C" NOT NULL, ordinals int4[] NOT NULL, '
            "frequencies int2[] NOT NULL)"
        )
        cursor.execute(f"ANALYZE {entries}")
        cursor.execute(MAKE_WORDS.format(entries=entries, words=words), {"most": MAX_FREQUENCY})
        cursor.execute(f"ALTER TABLE {words} ADD PRIMARY KEY (word)")
        cursor.execute(f"ANALYZE {words}")


def drop(generation_id: UUID) -> None:
    """Drop both tables, if they are there."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {words_table(generation_id)}")
        cursor.execute(f"DROP TABLE IF EXISTS {entries_table(generation_id)}")

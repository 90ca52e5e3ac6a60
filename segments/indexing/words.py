"""The full-text part of a generation: for each word, the segments that have it and how often.

Two tables of the generation's own, made in one go and never changed:

* entries: `ordinal` (from 0), segment, version, and length in characters;
* words: `word`, and parallel arrays of ordinals (rising) and of frequencies (at most 255).

PostgreSQL's own full-text index knows which rows have a word, but not how often: BM25 over it has
to read every row, which takes 0.1 s at a million segments. Arrays of numbers take milliseconds.
"""

from typing import Any

from django.db import connection

from segments.indexing.pulse import Pulse
from segments.indexing.tables import ENTRIES, WORDS, table_of
from segments.models import IndexGeneration

# For the sort of all words of all segments; what does not fit goes to disk.
WORK_MEM = "256MB"
# A frequency beyond this adds nothing: BM25 has long reached its limit.
MAX_FREQUENCY = 255

MAKE_ENTRIES = """
    CREATE TABLE {entries} AS
    SELECT (row_number() OVER () - 1)::int AS ordinal, id AS segment_id, version,
        word_count AS length
    FROM segments_documentsegment
    WHERE dataset_id = %(dataset)s AND version > %(after)s AND version <= %(until)s
"""
INDEX_ENTRIES = "ALTER TABLE {entries} ADD PRIMARY KEY (ordinal); ANALYZE {entries}"
CREATE_WORDS = """
    CREATE TABLE {words} (
        word text COLLATE "C" NOT NULL, ordinals int4[] NOT NULL, frequencies int2[] NOT NULL
    )
"""
INDEX_WORDS = "ALTER TABLE {words} ADD PRIMARY KEY (word); ANALYZE {words}"
# An entry whose segment has changed since has no words here: the segment is in the tail.
FILL_WORDS = """
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


def create(generation: IndexGeneration, pulse: Pulse) -> None:
    """Make both tables of the generation's range; in the caller's transaction."""
    tables = {"entries": table_of(ENTRIES, generation.pk), "words": table_of(WORDS, generation.pk)}
    range_ = {
        "dataset": generation.dataset_id,
        "after": generation.from_version,
        "until": generation.to_version,
    }
    pulse.step("listing segments")
    for statement in (MAKE_ENTRIES, INDEX_ENTRIES):
        _run(statement.format(**tables), range_)
    pulse.step("collecting words", total=generation.rows)
    _run("SELECT set_config('work_mem', %(memory)s, true)", {"memory": WORK_MEM})
    for statement in (CREATE_WORDS, FILL_WORDS, INDEX_WORDS):
        _run(statement.format(**tables), {"most": MAX_FREQUENCY})


def _run(statement: str, parameters: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)

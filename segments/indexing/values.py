"""The part of a generation that filters ask: for each value, the segments that have it.

One table: `kind`, `name`, `value`, and `ordinals` (rising), the segments as the part `words`
numbers them. Its kinds:

* document: the id of a document; keyword: a keyword.
* metadata: a value of the metadata under `name`, as `segments_values_of` gives it. `amount` is the
  time in seconds that it means (`segments_seconds_of`), the same number if it `is_number`.
* named: the segments that have any value under `name`.
* all: no segment, but how many there are (`rows`).

So a condition is decided once for each value, and not for each segment: publishing needs no index
on metadata, and any operator is answered in milliseconds at a million segments.
"""

from typing import Any

from django.db import connection

from segments.indexing.pulse import Pulse
from segments.indexing.tables import ENTRIES, VALUES, table_of
from segments.models import IndexGeneration

DOCUMENT, KEYWORD, METADATA, NAMED, ALL = "document", "keyword", "metadata", "named", "all"
# Of a long value only its start is indexed.
INDEXED_CHARS = 100
# As for words (`segments.indexing.words`).
WORK_MEM = "256MB"

CREATE = """
    CREATE TABLE {values} (
        kind text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL,
        value text COLLATE "C" NOT NULL, amount numeric, is_number boolean NOT NULL,
        rows int NOT NULL, ordinals int4[] STORAGE EXTERNAL NOT NULL
    )
"""
# An entry whose segment has changed since is passed over: the segment is in the tail.
SEGMENTS = """
    FROM {entries} AS entry
    JOIN segments_documentsegment AS s ON s.id = entry.segment_id AND s.version = entry.version
"""
FILL_DOCUMENTS = f"""
    INSERT INTO {{values}}
    SELECT '{DOCUMENT}', '', document_id::text, NULL, FALSE, count(*),
        array_agg(ordinal ORDER BY ordinal)
    {SEGMENTS} GROUP BY document_id
"""
FILL_KEYWORDS = f"""
    INSERT INTO {{values}}
    SELECT '{KEYWORD}', '', keyword, NULL, FALSE, count(*), array_agg(ordinal ORDER BY ordinal)
    FROM (SELECT DISTINCT keyword, ordinal {SEGMENTS} CROSS JOIN LATERAL unnest(s.keywords) keyword
        WHERE s.keywords <> '{{{{}}}}') AS found
    GROUP BY keyword
"""
FILL_METADATA = f"""
    INSERT INTO {{values}}
    SELECT '{METADATA}', name, value, segments_seconds_of(value),
        segments_number_of(value) IS NOT NULL, cardinality(ordinals), ordinals
    FROM (
        SELECT name, value, array_agg(ordinal ORDER BY ordinal) AS ordinals
        FROM (
            SELECT ordinal, name, unnest(CASE
                WHEN jsonb_typeof(item) IN ('string', 'number', 'boolean')
                THEN CASE WHEN item <> '""' THEN ARRAY[item #>> '{{{{}}}}'] END
                ELSE segments_values_of(s.metadata, name) END) AS value
            {SEGMENTS} CROSS JOIN LATERAL jsonb_each(s.metadata) AS pair (name, item)
            WHERE s.metadata <> '{{{{}}}}'
        ) AS occurrence
        GROUP BY name, value
    ) AS found
    ORDER BY name, segments_seconds_of(value), value
"""
FILL_NAMED = f"""
    INSERT INTO {{values}}
    SELECT '{NAMED}', name, '', NULL, FALSE, cardinality(ordinals), ordinals
    FROM (
        SELECT name, array_agg(DISTINCT ordinal ORDER BY ordinal) AS ordinals
        FROM {{values}} CROSS JOIN LATERAL unnest(ordinals) AS ordinal
        WHERE kind = '{METADATA}' GROUP BY name
    ) AS found
"""
FILL_ALL = f"""
    INSERT INTO {{values}}
    SELECT '{ALL}', '', '', NULL, FALSE, count(*), '{{{{}}}}' FROM {{entries}}
"""
INDEX = f"""
    CREATE INDEX ON {{values}} (kind, name, left(value, {INDEXED_CHARS}));
    CREATE INDEX ON {{values}} (kind, name, amount) WHERE amount IS NOT NULL;
    CREATE INDEX ON {{entries}} (segment_id);
    ANALYZE {{values}}
"""
FILLS = (FILL_DOCUMENTS, FILL_KEYWORDS, FILL_METADATA, FILL_NAMED, FILL_ALL)


def create(generation: IndexGeneration, pulse: Pulse) -> None:
    """Make the table of the generation's range; in the caller's transaction, after its words."""
    tables = {
        "entries": table_of(ENTRIES, generation.pk),
        "values": table_of(VALUES, generation.pk),
    }
    pulse.step("collecting metadata", total=generation.rows)
    _run("SELECT set_config('work_mem', %(memory)s, true)", {"memory": WORK_MEM})
    for statement in (CREATE, *FILLS, INDEX):
        _run(statement.format(**tables))


def _run(statement: str, parameters: dict[str, Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)

"""PostgreSQL's planner, told what it cannot know: how many rows were staged a moment ago."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import connection

# Its statistics are of earlier imports. It would expect one row and join by nested loops, each
# row with each vector, or sort all vectors on disk. Read along their primary keys instead, staged
# rows and vectors meet in the order they are inserted in.
READ_BY_KEY = {
    "enable_nestloop": "off",
    "enable_hashjoin": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
# Rows that are numbered or compared by their text have no key: a loop over 100,000 of them would
# never end, hashing them takes a moment.
WITHOUT_LOOPS = {"enable_nestloop": "off"}
# The index of texts is by a key of their hashes (`TextKey`), which a statement has to name.
SAME_TEXT = """
    hashtextextended(d.index_node_hash, 0) = hashtextextended(s.content_hash, 0)
        AND d.index_node_hash = s.content_hash
"""
"""Whether segment `d` and staged row `s` are of one text."""

SET = """
    SELECT set_config(name, value, true)
    FROM unnest(%s::text[], %s::text[]) AS hint (name, value)
"""


@contextmanager
def told(hints: Mapping[str, str]) -> Iterator[None]:
    """Have the statements inside planned under `hints`; afterwards as usual."""
    _set(hints)
    yield
    _set(dict.fromkeys(hints, "on"))


def _set(values: Mapping[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SET, [list(values), list(values.values())])

"""The rows of a generation that are nearest to a question's vector: candidates of a search.

With a filter, the rows that pass (`segments.search.passing`) are compared one by one while they are
few. Of many, those are compared whose signs are most like the question's
(`segments.search.signatures`). Where a generation is too large to keep its signs in memory, the
index gives the nearest rows that pass, until there are enough of them; and where it would have to
look too far, because what is near does not pass, all that pass are compared.
"""

from dataclasses import dataclass

import numpy as np
from pgvector import HalfVector

from segments.db.replicas import connection
from segments.db.transactions import one_statement
from segments.embedding import Vectors
from segments.indexing.state import ServingGeneration
from segments.indexing.tables import VECTORS, table_of
from segments.search.passing import Mask
from segments.search.signatures import signatures_of

# Among how many the index looks for candidates (`hnsw.ef_search`): the more, the fewer it misses.
# pgvector takes 1,000 at most; beyond, a scan goes on from where it was.
SEARCHED, MOST_SEARCHED = 200, 1_000
# Of what passes a filter and has the signs most like the question's, so many are compared, or so
# many for each that is wanted.
COMPARED, COMPARED_EACH = 300, 3
# Without signs: of what passes a filter, so many rows are looked up and compared; more take longer
# than a question to the index. Where a large share passes, reading all is faster than looking up.
# Measured at 100,000 rows of 256 dimensions: 4 µs for each that is looked up, 0.25 µs for each that
# is read, 20 to 50 ms for the index.
MOST_COMPARED = 12_000
ROWS_A_LOOK_UP = 12
# How many more than are needed the index looks at in one go, and how many it looks at at most.
SPARE_SEARCHED, MOST_LOOKED_AT = 2, 20_000

# No plan may depend on statistics that are older than the last import.
NEAREST = """
    SET LOCAL jit = off; SET LOCAL hnsw.ef_search = {searched};
    SET LOCAL hnsw.iterative_scan = {iterative}; SET LOCAL hnsw.max_scan_tuples = {looked_at};
    SET LOCAL enable_indexscan = {by_index}; SET LOCAL enable_seqscan = {by_rows};
    SELECT segment_id::text, version, -(embedding <#> %(vector)s::halfvec({dimensions}))
    FROM {table} WHERE {passes}
    ORDER BY embedding <#> %(vector)s::halfvec({dimensions}) LIMIT {most}
"""
# In a SELECT of its own, for the planner would weigh each number of the list.
LISTED = "ordinal = ANY((SELECT %(ordinals)s::int4[])::int4[])"
MASKED = "get_bit(%(mask)s::bytea, ordinal) = 1"


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest rows: segment, version and cosine similarity; whether there are no others.

    Ids stay texts: they are only sent back, and UUIDs take longer to make than rows to find.
    """

    rows: list[tuple[str, int, float]]
    is_all: bool


def nearest_of(
    generation: ServingGeneration, vector: Vectors, most: int, mask: Mask | None
) -> Nearest:
    """The rows of a generation that are nearest to a vector, of those that pass the mask."""
    ask = _Question(generation, vector, most)
    if mask is None or mask.all():
        rows = ask.unfiltered()
        return Nearest(rows, len(rows) >= generation.vectors)
    count = int(np.count_nonzero(mask))
    if not count:
        return Nearest([], is_all=True)
    if found := ask.of_alike(mask, count):
        return found
    if count > MOST_COMPARED:
        rows = ask.of_many(mask, count)
    elif count * ROWS_A_LOOK_UP < generation.vectors:
        rows = ask.of_few(np.flatnonzero(mask).tolist())
        return Nearest(rows, len(rows) < most)
    else:
        rows = []
    if len(rows) < most:
        rows = ask.of_all(mask)
    return Nearest(rows, len(rows) < most)


@dataclass(frozen=True, slots=True)
class _Question:
    """A vector whose `most` nearest rows of a generation are wanted."""

    generation: ServingGeneration
    vector: Vectors
    most: int

    def unfiltered(self) -> list[tuple[str, int, float]]:
        """Of all rows, by the index unless all are wanted."""
        by_index = self.most < self.generation.vectors
        return self._ask(
            "TRUE",
            searched=min(max(self.most, SEARCHED), MOST_SEARCHED),
            looked_at=self.most,
            is_iterative=self.most > MOST_SEARCHED,
            by_index=by_index,
            by_rows=not by_index,
        )

    def of_alike(self, mask: Mask, count: int) -> Nearest | None:
        """Of the rows that pass, those that are most like it by their signs; None without signs."""
        compared = max(COMPARED, COMPARED_EACH * self.most)
        if count <= compared:
            rows = self.of_few(np.flatnonzero(mask).tolist())
            return Nearest(rows, is_all=len(rows) < self.most)
        generation = self.generation
        signatures = signatures_of(generation.pk, generation.dimensions, generation.vectors)
        if signatures is None:
            return None
        ordinals = signatures.most_alike(self.vector, mask, compared)
        rows = self.of_few(ordinals.tolist())
        return Nearest(rows, is_all=len(ordinals) < compared and len(rows) < self.most)

    def of_few(self, ordinals: list[int]) -> list[tuple[str, int, float]]:
        """Of these rows, which are looked up."""
        return self._ask(LISTED, ordinals=ordinals)

    def of_all(self, mask: Mask) -> list[tuple[str, int, float]]:
        """Of the rows that pass, comparing each."""
        return self._ask(MASKED, mask=_bits(mask), by_rows=True)

    def of_many(self, mask: Mask, count: int) -> list[tuple[str, int, float]]:
        """Of the rows that pass, by the index; fewer if it would look too far."""
        needed = SPARE_SEARCHED * self.most * len(mask) // count
        return self._ask(
            MASKED,
            mask=_bits(mask),
            searched=min(max(needed, SEARCHED), MOST_SEARCHED),
            looked_at=MOST_LOOKED_AT,
            is_iterative=True,
            by_index=True,
        )

    def _ask(
        self,
        passes: str,
        searched: int = SEARCHED,
        looked_at: int = MOST_LOOKED_AT,
        *,
        is_iterative: bool = False,
        by_index: bool = False,
        by_rows: bool = False,
        **parameters: list[int] | bytes,
    ) -> list[tuple[str, int, float]]:
        unit = HalfVector(self.vector / np.linalg.norm(self.vector)).to_text()
        statement = NEAREST.format(
            table=table_of(VECTORS, self.generation.pk),
            dimensions=self.generation.dimensions,
            most=self.most,
            passes=passes,
            searched=searched,
            looked_at=looked_at,
            iterative="relaxed_order" if is_iterative else "off",
            by_index="on" if by_index else "off",
            by_rows="on" if by_rows else "off",
        )
        with one_statement(), connection.cursor() as cursor:
            cursor.execute(statement, {"vector": unit, **parameters})
            rows: list[tuple[str, int, float]] = cursor.fetchall()
            return rows


def _bits(mask: Mask) -> bytes:
    """The mask as PostgreSQL's `get_bit` reads bits: the lowest of each byte first."""
    return np.packbits(mask, bitorder="little").tobytes()

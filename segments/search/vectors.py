"""Search by meaning: the segments with the vectors nearest to the question's.

The index (`segments.indexing`) gives candidates: the nearest rows of each of its generations, by
unit vectors in half precision. One statement then looks at the segments themselves: a candidate
counts if its segment still has the version that the index knows, it may be found, and by its
full vector; along with the candidates it compares every segment that no generation covers. So
what is found is what there is at the moment of that statement, whatever the index has.

Every segment it sees has a version that some generation covers, and was in it since it was built,
or a version that none covers: an edit meanwhile moves it from the one to the other. A generation
whose table is missing, or that has too few candidates left of it, covers nothing.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any
from uuid import UUID

from django.db import DataError, ProgrammingError
from pgvector import Vector
from psycopg2 import errors

from datasets.models import Dataset, IndexingStatus
from segments.db.replicas import connection
from segments.db.transactions import one_statement
from segments.embedding import Embedder, Vectors, embedder_of
from segments.exceptions import SearchRefused
from segments.indexing.plan import LAST_POSSIBLE
from segments.indexing.state import ServingGeneration, serving_generations
from segments.models.segment import SegmentStatus
from segments.search.filter_sql import passing
from segments.search.filters import ALL, SearchFilter
from segments.search.fusion import Ranked
from segments.search.nearest import nearest_of
from segments.search.passing import Mask, mask_of

logger = logging.getLogger(__name__)

MODEL = ("embedding_model_provider", "embedding_model")
# How many of the nearest rows of a generation are looked at first, or how many for each hit, but no
# more than so many that are not wanted; and how many times as many when too few of them count.
CANDIDATES, CANDIDATES_A_HIT, CANDIDATES_A_PASSING_HIT, SPARE_CANDIDATES = 50, 3, 1.2, 60
MORE_CANDIDATES = (1, 5, 25)


def semantic_ranking(
    dataset: Dataset,
    question: str,
    limit: int,
    *,
    exact: bool = False,
    where: SearchFilter = ALL,
    generations: Sequence[ServingGeneration] | None = None,
) -> list[Ranked]:
    """The nearest segments, best first; the score is the cosine similarity (−1 to 1).

    With `exact`, and in datasets that have no index yet, every vector is compared. The index
    misses a near segment now and then (`docs/performance.md`), and none that is newer than it.
    A question over the model's token limit is cut after the last whole word that fits (a
    passage never is); one that means nothing to the model finds nothing. `generations` are those of
    the dataset's index, where they have been read already.

    Raises:
        SearchRefused: the dataset's vectors are not from its model.
        NoEmbeddingModel, EmbeddingFailed: the model is not available, or failed.
    """
    known = [] if exact else generations
    while True:
        found = _nearest(dataset, question, limit, known, where)
        if found or not _has_changed_model(dataset):
            break
        dataset.refresh_from_db(fields=MODEL)
        known = [] if exact else None
    if found is None:
        raise SearchRefused(
            f"The vectors of dataset “{dataset.name}” are not from its model "
            f"“{dataset.embedding_model}”. Re-embed it, or search with method full_text."
        )
    return found


def _nearest(
    dataset: Dataset,
    question: str,
    limit: int,
    known: Sequence[ServingGeneration] | None,
    where: SearchFilter,
) -> list[Ranked] | None:
    """The nearest segments; empty if the dataset has another model by now.

    The last statement sees the dataset's model and its vectors at the same moment, so a question
    is never compared with vectors of another model. None if they cannot be compared at all.
    """
    embedder = embedder_of(dataset)
    (vector,) = embedder.embed_query(within_limit(embedder, question))
    if not vector.any():
        return []
    generations = serving_generations(dataset) if known is None else known
    usable = [each for each in generations if _is_usable(each, len(vector))]
    try:
        if usable:
            return _Indexed(dataset, vector, limit, where, usable).search()
        return _exactly(dataset, vector, limit, where)
    except DataError:  # pgvector refuses to compare different dimensions
        return None


def _is_usable(generation: ServingGeneration, dimensions: int) -> bool:
    """Whether its vectors can be compared, or it is of a range without vectors."""
    has_vectors = generation.dimensions == dimensions and generation.vectors > 0
    return has_vectors or not generation.dimensions


# The documents are hashed: with old statistics the planner would read all segments for each.
EXACT = """
    SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off;
    SELECT s.id, 1 - (s.embedding <=> %(vector)s::vector)
    FROM segments_documentsegment s
    JOIN datasets_document d ON d.id = s.document_id
    WHERE s.dataset_id = %(dataset)s AND s.tenant_id = %(tenant)s
        AND s.status = %(segment_status)s AND s.embedding IS NOT NULL
        AND d.dataset_id = %(dataset)s AND {is_searchable} AND {passes} AND {is_its_model}
    ORDER BY s.embedding <=> %(vector)s::vector, s.position, s.id
    LIMIT %(limit)s
"""
IS_SEARCHABLE = """d.enabled AND NOT d.archived
                AND d.indexing_status = %(document_status)s"""
IS_ITS_MODEL = """EXISTS (
        SELECT FROM datasets_dataset
        WHERE id = %(dataset)s AND embedding_model_provider = %(provider)s
            AND embedding_model = %(model)s)"""


def _exactly(dataset: Dataset, vector: Vectors, limit: int, where: SearchFilter) -> list[Ranked]:
    filter_ = passing(where)
    statement = EXACT.format(
        passes=filter_.sql, is_searchable=IS_SEARCHABLE, is_its_model=IS_ITS_MODEL
    )
    with one_statement(), connection.cursor() as cursor:
        cursor.execute(statement, _scope(dataset, vector, limit) | dict(filter_.parameters))
        return [Ranked(*row) for row in cursor.fetchall()]


def _scope(dataset: Dataset, vector: Vectors, limit: int) -> dict[str, Any]:
    return {
        "vector": Vector(vector).to_text(),
        "limit": limit,
        "dataset": dataset.pk,
        "tenant": dataset.tenant_id,
        "provider": dataset.embedding_model_provider,
        "model": dataset.embedding_model,
        "segment_status": SegmentStatus.COMPLETED,
        "document_status": IndexingStatus.COMPLETED,
    }


# No plan may depend on statistics that are older than the last import: all is looked up by
# indexes, row by row, and nothing is worth compiling.
VERIFIED = """
    SET LOCAL jit = off; SET LOCAL enable_seqscan = off;
    SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
    SELECT id, 1 - distance FROM (
        SELECT segment.* FROM unnest(%(ids)s::uuid[], %(versions)s::bigint[])
            AS candidate (id, version)
        CROSS JOIN LATERAL (
            SELECT s.id, s.position, s.embedding <=> %(vector)s::vector AS distance
            FROM segments_documentsegment s
            JOIN datasets_document d ON d.id = s.document_id
            WHERE s.id = candidate.id AND s.version = candidate.version
                AND s.tenant_id = %(tenant)s AND s.dataset_id = %(dataset)s
                AND s.status = %(segment_status)s AND {is_searchable} AND {passes}
            OFFSET 0  -- a planner fence: one look-up for each candidate
        ) segment
        {uncovered}
    ) found
    WHERE {is_its_model}
    ORDER BY distance, position, id
    LIMIT %(limit)s
"""
# The documents of many segments: found once, by `IS TRUE`, and not for each of them.
UNCOVERED = """
        UNION ALL
        SELECT s.id, s.position, s.embedding <=> %(vector)s::vector
        FROM segments_documentsegment s
        WHERE s.dataset_id = %(dataset)s AND s.version > {after} AND s.version <= {until}
            AND s.tenant_id = %(tenant)s AND s.embedding IS NOT NULL
            AND s.status = %(segment_status)s
            AND (s.document_id IN (
                SELECT id FROM datasets_document d
                WHERE dataset_id = %(dataset)s AND {is_searchable}) IS TRUE)
            AND {passes}
"""
# Of a filter that looks at documents too.
PASSES = "SELECT FROM datasets_document d WHERE d.id = s.document_id AND {passes}"
# Below every cosine similarity.
NONE_FOUND = -2.0


@dataclass(frozen=True, slots=True)
class _Candidates:
    """The nearest rows of a generation; no other row of it is nearer than `last`."""

    ids: list[str]
    versions: list[int]
    last: float


@dataclass(slots=True)
class _Indexed:
    """A search by the candidates of generations; one that is of no use is left out."""

    dataset: Dataset
    vector: Vectors
    limit: int
    where: SearchFilter
    generations: list[ServingGeneration]
    _candidates: dict[UUID, _Candidates] = field(default_factory=dict)
    _masks: dict[UUID, Mask] = field(default_factory=dict)

    def search(self) -> list[Ranked]:
        """The nearest segments. More candidates are looked at while too few of them count."""
        wanting = self.generations
        for times in MORE_CANDIDATES:
            for generation in wanting:
                self._look_into(generation, times * self._first_candidates())
            found = self._verified()
            wanting = self._wanting(found)
            if not wanting:
                return found
        for generation in wanting:
            self._leave_out(generation)
        return self._verified()

    def _first_candidates(self) -> int:
        """Fewer with a filter: the index has to look at many rows for each that passes."""
        a_hit = CANDIDATES_A_PASSING_HIT if self.where.is_narrow else CANDIDATES_A_HIT
        return max(CANDIDATES, min(ceil(a_hit * self.limit), self.limit + SPARE_CANDIDATES))

    def _wanting(self, found: Sequence[Ranked]) -> list[ServingGeneration]:
        """The generations whose other rows may be nearer than the last of what was found."""
        is_full = len(found) >= self.limit
        worst = found[-1].score if is_full else NONE_FOUND
        return [each for each in self.generations if self._candidates[each.pk].last > worst]

    def _leave_out(self, generation: ServingGeneration) -> None:
        """Compare all that it covers instead."""
        self.generations = [each for each in self.generations if each.pk != generation.pk]
        self._candidates.pop(generation.pk, None)

    def _look_into(self, generation: ServingGeneration, most: int) -> None:
        if not generation.vectors:
            self._candidates[generation.pk] = _Candidates([], [], NONE_FOUND)
            return
        mask = self._mask_of(generation)
        if mask is None and self.where.is_narrow:
            self._leave_out(generation)
            return
        try:
            found = nearest_of(generation, self.vector, most, mask)
        except ProgrammingError as trouble:
            if not isinstance(trouble.__cause__, errors.UndefinedTable):
                raise
            # A larger one has taken its place at this moment, or somebody has dropped the table.
            logger.info("index %s has no table", generation.pk)
            self._leave_out(generation)
            return
        last = NONE_FOUND if found.is_all else min((row[2] for row in found.rows), default=1.0)
        ids, versions = [row[0] for row in found.rows], [row[1] for row in found.rows]
        self._candidates[generation.pk] = _Candidates(ids, versions, last)

    def _mask_of(self, generation: ServingGeneration) -> Mask | None:
        """What passes the filter; None without one, and if the generation has lost its tables."""
        if self.where.is_narrow and generation.pk not in self._masks:
            mask = mask_of(self.dataset, generation.pk, self.where)
            if mask is None:
                return None
            self._masks[generation.pk] = mask
        return self._masks.get(generation.pk)

    def _verified(self) -> list[Ranked]:
        """The nearest of the candidates that count, and of what no generation covers."""
        candidates = [self._candidates[each.pk] for each in self.generations]
        filter_ = passing(self.where)
        by_document = f"EXISTS ({PASSES.format(passes=filter_.sql)})"
        uncovered = [
            UNCOVERED.format(
                after=after,
                until=until,
                is_searchable=IS_SEARCHABLE,
                passes=by_document if self.where.is_narrow else filter_.sql,
            )
            for after, until in uncovered_by(self.generations)
        ]
        candidates_ = {
            "ids": [segment_id for each in candidates for segment_id in each.ids],
            "versions": [version for each in candidates for version in each.versions],
        }
        scope = _scope(self.dataset, self.vector, self.limit)
        statement = VERIFIED.format(
            uncovered="".join(uncovered),
            is_searchable=IS_SEARCHABLE,
            passes=filter_.sql,
            is_its_model=IS_ITS_MODEL,
        )
        with one_statement(), connection.cursor() as cursor:
            cursor.execute(statement, scope | candidates_ | dict(filter_.parameters))
            return [Ranked(*row) for row in cursor.fetchall()]


def uncovered_by(generations: Sequence[ServingGeneration]) -> list[tuple[int, int]]:
    """The ranges of versions (after, until] that none of the generations covers."""
    found, reached = [], 0
    for generation in sorted(generations, key=lambda each: each.from_version):
        if generation.from_version > reached:
            found.append((reached, generation.from_version))
        reached = max(reached, generation.to_version)
    return [*found, (reached, LAST_POSSIBLE)]


def _has_changed_model(dataset: Dataset) -> bool:
    """Whether the dataset's model has changed since the dataset was read."""
    now = Dataset.objects.filter(pk=dataset.pk).values(*MODEL).first()
    return now is not None and now != {name: getattr(dataset, name) for name in MODEL}


def within_limit(embedder: Embedder, question: str) -> str:
    """As many whole words from the start of `question` as the model accepts."""
    if embedder.count_tokens(question) <= embedder.token_limit:
        return question
    words = question.split()
    fits, too_many = 0, len(words)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if embedder.count_tokens(" ".join(words[:middle])) <= embedder.token_limit:
            fits = middle
        else:
            too_many = middle
    return " ".join(words[:fits])

"""Search by words: BM25, exact over the generations of the index and over what is newer.

By hand: PostgreSQL ranks without it, extensions that have it are missing where PostgreSQL is
rented, and packages that have it (bm25s, rank_bm25) hold every text in memory.

Not all words of a question have to occur: every segment with any of them is a candidate, and
BM25 ranks the candidates:

    score(d) = Σ idf(t) · tf · (k1 + 1) / (tf + k1 · (1 − b + b · length(d) / mean length))
    idf(t)   = ln(1 + (N − df(t) + ½) / (df(t) + ½))

over the terms t of the question (`words`; Robertson and Zaragoza, "The Probabilistic Relevance
Framework: BM25 and Beyond", 2009; the 1 in the logarithm, as Lucene has it, keeps the weight of
frequent terms above zero), tf is a term's number of positions in the segment's entry, lengths
are in characters, and N and the mean length are the totals of the searchable documents.

Generations (`segments.indexing`) hold the terms of all segments up to a version as arrays of
numbers; the tail, what was published or edited since, is read row by row. A segment that was
found in a generation counts if it still has the version that the generation saw. One that was
edited after the tail was read is in neither, and is ranked by what it has now.

While the tail is long (no generation has been built yet), `segments.search.bounded` ranks.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from datasets.models import Dataset, IndexingStatus
from segments.db.replicas import connection
from segments.db.transactions import one_statement
from segments.indexing.state import ServingGeneration, serving_generations
from segments.indexing.tables import ENTRIES, table_of
from segments.models.segment import SegmentStatus
from segments.search.bounded import bounded_ranking
from segments.search.filter_sql import Passing, passing
from segments.search.filters import ALL, SearchFilter
from segments.search.fusion import Ranked
from segments.search.passing import Mask, mask_of
from segments.search.postings import (
    K1,
    B,
    Floats,
    Postings,
    best_of,
    dampening_of,
    postings_of,
    read_if_there,
    scores_of,
)
from segments.search.vectors import uncovered_by
from segments.search.words import Term, terms_of

# The number of segments in the tail (at most one more than `most`), and the totals that BM25
# needs.
LOOK = """
    SELECT
        (SELECT count(*) FROM (
            SELECT FROM segments_documentsegment
            WHERE dataset_id = %(dataset)s AND version > %(watermark)s LIMIT %(most)s + 1) tail),
        totals.segments, totals.characters::float8 / greatest(totals.segments, 1)
    FROM (
        SELECT coalesce(sum(segment_count), 0)::bigint AS segments,
            greatest(sum(word_count), 1) AS characters
        FROM datasets_document
        WHERE dataset_id = %(dataset)s AND tenant_id = %(tenant)s
            AND enabled AND NOT archived AND indexing_status = %(document_status)s
    ) totals
"""
# The candidates of a generation: those that have the version that the generation saw, and what
# those have of the words that were edited since, perhaps after the tail was read.
CHECK = """
    SELECT entry.ordinal, s.version = entry.version,
        s.id, s.position, s.word_count, occurrence.words, occurrence.found
    FROM {entries} AS entry
    JOIN segments_documentsegment AS s ON s.id = entry.segment_id
        AND (s.version = entry.version OR s.version > %(watermark)s)
    JOIN datasets_document AS d ON d.id = s.document_id
    CROSS JOIN LATERAL (
        SELECT array_agg(lexeme) AS words,
            array_agg(coalesce(cardinality(positions), 1)) AS found
        FROM unnest(CASE WHEN s.version <> entry.version THEN s.search_vector END)
        WHERE lexeme = ANY(%(words)s)
    ) AS occurrence
    WHERE entry.ordinal = ANY(%(ordinals)s)
        AND s.dataset_id = %(dataset)s AND s.status = %(segment_status)s
        AND d.tenant_id = %(tenant)s AND d.enabled AND NOT d.archived
        AND d.indexing_status = %(document_status)s
        AND {passes}
"""
# The frequency of each term in the tail's segments that have any of them. Those that do not pass
# the filter count for how frequent a term is.
TAIL = """
    SELECT s.id, s.position, s.word_count, occurrence.words, occurrence.found, {passes}
    FROM segments_documentsegment AS s
    JOIN datasets_document AS d ON d.id = s.document_id
    CROSS JOIN LATERAL (
        SELECT array_agg(lexeme) AS words,
            array_agg(coalesce(cardinality(positions), 1)) AS found
        FROM unnest(s.search_vector) WHERE lexeme = ANY(%(words)s)
    ) AS occurrence
    WHERE s.dataset_id = %(dataset)s AND s.version > %(watermark)s
        AND s.search_vector @@ %(any)s::tsquery AND s.status = %(segment_status)s
        AND d.dataset_id = %(dataset)s AND d.tenant_id = %(tenant)s AND d.enabled AND NOT d.archived
        AND d.indexing_status = %(document_status)s
"""
# A tail of more rows than this is ranked by the bounded statement.
TAIL_ROWS = 20_000
# How many candidates of the generations are checked beyond those that are wanted, and how the
# number grows while too many of them are gone.
SPARE = 20
GROWTH = 8


@dataclass(frozen=True, slots=True)
class _Look:
    """What a question is looked up with: see LOOK."""

    watermark: int
    tail: int
    segments: int
    mean_length: float


class _TailRow(NamedTuple):
    """A segment of the tail with words of the question: see TAIL."""

    segment_id: UUID
    position: int
    length: int
    words: list[str]
    frequencies: list[int]
    passes: bool = True


@dataclass(frozen=True, slots=True)
class _Part:
    """A generation with the postings of the question's words.

    `dampening` is, for each segment, how much its length takes from a word's frequency; `mask`
    says which pass the filter, None if all do.
    """

    generation_id: UUID
    postings: dict[str, Postings]
    dampening: Floats
    mask: Mask | None


@dataclass(frozen=True, slots=True)
class _Found:
    """A segment that has words of the question."""

    score: float
    position: int
    segment_id: UUID

    @property
    def order(self) -> tuple[float, int, UUID]:
        """Best first; equal scores by position, then by id."""
        return -self.score, self.position, self.segment_id


def full_text_ranking(
    dataset: Dataset,
    question: str,
    limit: int,
    where: SearchFilter = ALL,
    generations: Sequence[ServingGeneration] | None = None,
) -> list[Ranked]:
    """The segments that match the words of `question`, best first, with BM25 scores above 0.

    Any text is allowed: operators are ordinary words, and stop words alone find nothing. What a
    filter leaves out still counts for how frequent a word is: scores are as without a filter.
    `generations` are those of the dataset's index, where they have been read already.
    """
    if generations is None:
        generations = serving_generations(dataset)
    terms = terms_of(dataset, question, generations)
    # A generation that was lost leaves a gap, which does not belong to the tail.
    *gaps, (watermark, _) = uncovered_by(generations)
    if not terms:
        return []
    if gaps or not generations:
        return bounded_ranking(dataset, terms, limit, where)
    look = _look(dataset, watermark)
    words = [term.lexeme for term in terms]
    parts = _parts(dataset, generations, words, look, where)
    if not parts or look.tail > TAIL_ROWS:
        return bounded_ranking(dataset, terms, limit, where)
    found = _Search(dataset, terms, look, parts, passing(where)).best(limit)
    if found is None:  # a larger generation has just taken the place of one
        return bounded_ranking(dataset, terms, limit, where)
    return [Ranked(each.segment_id, each.score) for each in found[:limit]]


def _look(dataset: Dataset, watermark: int) -> _Look:
    limits = {"watermark": watermark, "most": TAIL_ROWS}
    with connection.cursor() as cursor:
        cursor.execute(LOOK, _scope(dataset) | limits)
        return _Look(watermark, *cursor.fetchone())


def _scope(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset.pk,
        "tenant": dataset.tenant_id,
        "document_status": IndexingStatus.COMPLETED,
        "segment_status": SegmentStatus.COMPLETED,
    }


def _parts(
    dataset: Dataset,
    generations: Sequence[ServingGeneration],
    words: Sequence[str],
    look: _Look,
    where: SearchFilter,
) -> list[_Part]:
    """The generations with what is needed of them; none if a table of one is gone."""
    parts = []
    for generation in generations:
        postings = postings_of(generation.pk, words)
        dampening = dampening_of(generation.pk, look.mean_length)
        if postings is None or dampening is None:
            return []
        mask = mask_of(dataset, generation.pk, where) if where.is_narrow else None
        if mask is None and where.is_narrow:
            return []
        parts.append(_Part(generation.pk, postings, dampening, mask))
    return parts


def _quoted(word: str) -> str:
    """A word as a query for it, whatever characters it has."""
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _idf(segments: int, frequency: int) -> float:
    frequency = min(frequency, segments)
    return log(1 + (segments - frequency + 0.5) / (frequency + 0.5))


@dataclass(slots=True)
class _Search:
    """A question to the generations and the tail; `_edited` are hits that left a generation."""

    dataset: Dataset
    terms: Sequence[Term]
    look: _Look
    parts: Sequence[_Part]
    filter_: Passing
    _weights: dict[str, float] = field(default_factory=dict)
    _edited: list[_TailRow] = field(default_factory=list)

    def best(self, limit: int) -> list[_Found] | None:
        """At least the `limit` best, best first; None if a table of a generation is gone."""
        tail = self._tail()
        self._weights = self._weigh(tail)
        indexed: list[_Found] = []
        for part in self.parts:
            found = self._checked(part, limit)
            if found is None:
                return None
            indexed += found
        newest = [self._scored(row) for row in (*tail, *self._edited) if row.passes]
        ranking = {each.segment_id: each for each in (*indexed, *newest)}
        return sorted(ranking.values(), key=attrgetter("order"))

    def _tail(self) -> list[_TailRow]:
        """The segments of the tail with any of the words, and how often each has which."""
        if not self.look.tail:
            return []
        about = {
            "words": [term.lexeme for term in self.terms],
            "any": " | ".join(_quoted(term.lexeme) for term in self.terms),
            "watermark": self.look.watermark,
            **self.filter_.parameters,
        }
        statement = TAIL.format(passes=self.filter_.sql)
        with one_statement(), connection.cursor() as cursor:
            cursor.execute(statement, _scope(self.dataset) | about)
            return [_TailRow(*row) for row in cursor.fetchall()]

    def _weigh(self, tail: Sequence[_TailRow]) -> dict[str, float]:
        """The idf of each term over all generations and the tail, times its own weight."""
        frequency = Counter(word for row in tail for word in row.words)
        for part in self.parts:
            frequency.update({word: len(found.ordinals) for word, found in part.postings.items()})
        return {
            term.lexeme: term.weight * _idf(self.look.segments, frequency[term.lexeme])
            for term in self.terms
        }

    def _scored(self, row: _TailRow) -> _Found:
        dampening = K1 * (1 - B + B * row.length / self.look.mean_length)
        score = sum(
            self._weights[word] * found * (K1 + 1) / (found + dampening)
            for word, found in zip(row.words, row.frequencies, strict=True)
        )
        return _Found(score, row.position, row.segment_id)

    def _checked(self, part: _Part, limit: int) -> list[_Found] | None:
        """The best of a generation that are what it saw, and searchable."""
        pairs = [(part.postings[word], weight) for word, weight in self._weights.items()]
        scores = scores_of(pairs, part.dampening)
        if part.mask is not None:
            scores *= part.mask
        most = limit + SPARE
        while True:
            ordinals = best_of(scores, most)
            found = self._still_there(part.generation_id, ordinals, scores)
            if found is None or len(found) >= limit or len(ordinals) < most:
                return found
            most *= GROWTH

    def _still_there(
        self,
        generation_id: UUID,
        ordinals: npt.NDArray[np.int64],
        scores: npt.NDArray[np.float32],
    ) -> list[_Found] | None:
        statement = CHECK.format(entries=table_of(ENTRIES, generation_id), passes=self.filter_.sql)
        about = {
            "ordinals": ordinals.tolist(),
            "words": list(self._weights),
            "watermark": self.look.watermark,
            **self.filter_.parameters,
        }
        rows = read_if_there(statement, _scope(self.dataset) | about)
        if rows is None:
            return None
        self._edited += [_TailRow(*row[2:]) for row in rows if not row[1] and row[5]]
        return [_Found(float(scores[row[0]]), row[3], row[2]) for row in rows if row[1]]

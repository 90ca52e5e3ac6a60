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
found in a generation counts if it still has the version that the generation saw.

While the tail is long (no generation has been built yet), `segments.search.bounded` ranks.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db import connection

from datasets.models import Dataset, IndexingStatus
from segments.indexing.state import generations_of
from segments.indexing.tables import ENTRIES, table_of
from segments.models import IndexGeneration
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
# The candidates of a generation that still have the version that the generation saw.
CHECK = """
    SELECT entry.ordinal, s.id, s.position
    FROM {entries} AS entry
    JOIN segments_documentsegment AS s ON s.id = entry.segment_id AND s.version = entry.version
    JOIN datasets_document AS d ON d.id = s.document_id
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
        AND d.tenant_id = %(tenant)s AND d.enabled AND NOT d.archived
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
    passes: bool


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
    dataset: Dataset, question: str, limit: int, where: SearchFilter = ALL
) -> list[Ranked]:
    """The segments that match the words of `question`, best first, with BM25 scores above 0.

    Any text is allowed: operators are ordinary words, and stop words alone find nothing. What a
    filter leaves out still counts for how frequent a word is: scores are as without a filter.
    """
    terms = terms_of(dataset, question)
    if not terms:
        return []
    generations = list(generations_of(dataset))
    # One that was lost leaves a gap, which is no part of the tail.
    *gaps, (watermark, _) = uncovered_by(generations)
    look = _look(dataset, watermark)
    words = [term.lexeme for term in terms]
    parts = [] if gaps else _parts(dataset, generations, words, look, where)
    if not parts or look.tail > TAIL_ROWS:
        return bounded_ranking(dataset, terms, limit, where)
    filter_ = passing(where)
    tail = _tail(dataset, words, watermark, filter_)
    weights = _weights(terms, look, parts, tail)
    indexed = _indexed(dataset, parts, weights, limit, filter_)
    if indexed is None:  # a larger generation has just taken the place of one
        return bounded_ranking(dataset, terms, limit, where)
    ranking = _tail_ranking(tail, weights, look) + indexed
    ranking.sort(key=attrgetter("order"))
    return [Ranked(found.segment_id, found.score) for found in ranking[:limit]]


def _look(dataset: Dataset, watermark: int) -> _Look:
    limits = {"watermark": watermark, "most": TAIL_ROWS}
    with connection.cursor() as cursor:
        cursor.execute(LOOK, _scope(dataset) | limits)
        return _Look(*cursor.fetchone())


def _scope(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset.pk,
        "tenant": dataset.tenant_id,
        "document_status": IndexingStatus.COMPLETED,
        "segment_status": SegmentStatus.COMPLETED,
    }


def _parts(
    dataset: Dataset,
    generations: Sequence[IndexGeneration],
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


def _tail(dataset: Dataset, words: list[str], watermark: int, filter_: Passing) -> list[_TailRow]:
    """The segments of the tail with any of the words, and how often each has which."""
    either = " | ".join(_quoted(word) for word in words)
    with connection.cursor() as cursor:
        about = {"words": words, "any": either, "watermark": watermark}
        statement = TAIL.format(passes=filter_.sql)
        cursor.execute(statement, _scope(dataset) | about | dict(filter_.parameters))
        return [_TailRow(*row) for row in cursor.fetchall()]


def _quoted(word: str) -> str:
    """A word as a query for it, whatever characters it has."""
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _weights(
    terms: Sequence[Term], look: _Look, parts: Sequence[_Part], tail: Sequence[_TailRow]
) -> dict[str, float]:
    """The idf of each term over all generations and the tail, times its own weight."""
    frequency = Counter(word for row in tail for word in row.words)
    for part in parts:
        frequency.update({word: len(found.ordinals) for word, found in part.postings.items()})
    return {
        term.lexeme: term.weight * _idf(look.segments, frequency[term.lexeme]) for term in terms
    }


def _idf(segments: int, frequency: int) -> float:
    frequency = min(frequency, segments)
    return log(1 + (segments - frequency + 0.5) / (frequency + 0.5))


def _tail_ranking(
    tail: Sequence[_TailRow], weights: Mapping[str, float], look: _Look
) -> list[_Found]:
    return [
        _Found(_score(row, weights, look.mean_length), row.position, row.segment_id)
        for row in tail
        if row.passes
    ]


def _score(row: _TailRow, weights: Mapping[str, float], mean_length: float) -> float:
    dampening = K1 * (1 - B + B * row.length / mean_length)
    return sum(
        weights[word] * found * (K1 + 1) / (found + dampening)
        for word, found in zip(row.words, row.frequencies, strict=True)
    )


def _indexed(
    dataset: Dataset,
    parts: Sequence[_Part],
    weights: Mapping[str, float],
    limit: int,
    filter_: Passing,
) -> list[_Found] | None:
    """The best segments of the generations that are what the generations saw, and searchable.

    None if a table of one is gone.
    """
    found: list[_Found] = []
    for part in parts:
        pairs = [(part.postings[word], weight) for word, weight in weights.items()]
        scores = scores_of(pairs, part.dampening)
        if part.mask is not None:
            scores *= part.mask
        checked = _checked(dataset, part.generation_id, scores, limit, filter_)
        if checked is None:
            return None
        found += checked
    return found


def _checked(
    dataset: Dataset,
    generation_id: UUID,
    scores: npt.NDArray[np.float32],
    limit: int,
    filter_: Passing,
) -> list[_Found] | None:
    most = limit + SPARE
    while True:
        ordinals = best_of(scores, most)
        found = _still_there(dataset, generation_id, ordinals, scores, filter_)
        if found is None or len(found) >= limit or len(ordinals) < most:
            return found
        most *= GROWTH


def _still_there(
    dataset: Dataset,
    generation_id: UUID,
    ordinals: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float32],
    filter_: Passing,
) -> list[_Found] | None:
    statement = CHECK.format(entries=table_of(ENTRIES, generation_id), passes=filter_.sql)
    parameters = _scope(dataset) | {"ordinals": ordinals.tolist()} | dict(filter_.parameters)
    rows = read_if_there(statement, parameters)
    if rows is None:
        return None
    return [
        _Found(float(scores[ordinal]), position, segment_id)
        for ordinal, segment_id, position in rows
    ]

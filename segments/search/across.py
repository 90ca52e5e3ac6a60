"""search_across: a question about several datasets at once ─► hits, each with why it was found."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from uuid import UUID

from datasets.exceptions import SegmillError
from datasets.models import Dataset, MetadataField
from segments.db.replicas import connection
from segments.exceptions import EmbeddingFailed, NoEmbeddingModel, SearchRefused
from segments.search.filters import ALL, SearchFilter
from segments.search.full_text import full_text_ranking
from segments.search.fusion import Ranked, fused, scaled_by_best, scaled_by_range
from segments.search.hits import Hit, hits_of
from segments.search.marking import Marker, Stretch, excerpt
from segments.search.query import FUSED_DEPTH, MAX_QUERY_CHARS, SearchMethod, storable
from segments.search.reranking import Reranking, rerank_model_of, reranked
from segments.search.vectors import semantic_ranking
from segments.search.weights import weight_of
from segments.search.words import terms_of

# Each is asked on its own: with more of them nobody would wait for the answer.
MOST_DATASETS = 50


@dataclass(frozen=True, slots=True)
class Reason:
    """A way a hit was found by: its place there, from 1, and its strength, 0 to 1."""

    place: int
    strength: float

    @property
    def percent(self) -> int:
        """The strength in percent of the best."""
        return round(self.strength * 100)


@dataclass(frozen=True, slots=True)
class FoundHit:
    """A hit and why it was found; `content` and `answer` have the question's words marked."""

    hit: Hit
    dataset: Dataset
    meaning: Reason | None
    words: Reason | None
    content: Sequence[Stretch]
    answer: Sequence[Stretch]


@dataclass(frozen=True, slots=True)
class FoundAcross:
    """Hits, best first; `notices` say what could not be searched, or not as asked."""

    hits: list[FoundHit]
    notices: list[str]


@dataclass(frozen=True, slots=True)
class _Rankings:
    """What each way of searching has found, over all datasets, best first."""

    words: list[Ranked]
    meaning: list[Ranked]
    weight: float
    dataset_of: Mapping[UUID, Dataset]
    notices: list[str]


def search_across(
    datasets: Sequence[Dataset],
    query: str,
    method: SearchMethod = SearchMethod.HYBRID,
    top_k: int = 10,
    where: SearchFilter = ALL,
) -> FoundAcross:
    """The segments of all `datasets` that answer `query`, best first, at most `top_k`.

    One ranking for all. Similarities of one model are compared as they are, those of several
    models by where they are between the best and the last of each. BM25 depends on how many
    segments a dataset has, so by words the best of each counts as much as it has of the
    question's words. A dataset's reranker has a say only where the dataset is searched alone.

    Raises:
        SearchRefused: there are no datasets, or too many; the query is too long; none of them
            can be searched by this method.
        NoEmbeddingModel, EmbeddingFailed: the models of all of them are not available, or failed;
            where only some are, the notices say so.
    """
    _check(datasets, query)
    question = storable(query).strip()
    if not question:
        return FoundAcross([], [])
    found = _ranked(datasets, question, method, where)
    ranking = _joined(found, method)
    hits = hits_of(ranking[: max(top_k, FUSED_DEPTH)])
    hits, notices = _reranked(datasets, question, hits)
    return FoundAcross(_explained(hits[:top_k], found, question), [*found.notices, *notices])


def _check(datasets: Sequence[Dataset], query: str) -> None:
    if not datasets:
        raise SearchRefused("Choose a dataset to search.")
    if len(datasets) > MOST_DATASETS:
        raise SearchRefused(
            f"{len(datasets):,} datasets are too many for one question. Choose at most "
            f"{MOST_DATASETS}."
        )
    if len(query) > MAX_QUERY_CHARS:
        raise SearchRefused(
            f"The question is {len(query):,} characters long; the maximum is {MAX_QUERY_CHARS:,}."
            " Shorten it."
        )


def _ranked(
    datasets: Sequence[Dataset], question: str, method: SearchMethod, where: SearchFilter
) -> _Rankings:
    words: list[Ranked] = []
    meaning: dict[tuple[str, str], list[Ranked]] = defaultdict(list)
    dataset_of: dict[UUID, Dataset] = {}
    notices: list[str] = []
    failures: list[SegmillError] = []
    for dataset in datasets:
        by_words, by_meaning, failure = _of_one(dataset, question, method, where)
        if failure:
            failures.append(failure)
            how = "left out" if method == SearchMethod.SEMANTIC else "searched by words alone"
            notices.append(f"“{dataset.name}” was {how}: {failure}")
        words += by_words if len(datasets) == 1 else _comparable(dataset, question, by_words)
        meaning[dataset.model] += by_meaning
        dataset_of |= {ranked.segment_id: dataset for ranked in (*by_words, *by_meaning)}
        if method == SearchMethod.SEMANTIC and not dataset.has_vectors:
            notices.append(f"“{dataset.name}” has no vectors to search by meaning: left out.")
    if len(failures) == len(datasets):
        raise failures[0]
    if method == SearchMethod.SEMANTIC and len(notices) == len(datasets):
        raise SearchRefused(
            "What you chose has no vectors to search by meaning. Search by words instead."
        )
    words.sort(key=lambda ranked: -ranked.score)
    weight = fmean(weight_of(dataset, question) for dataset in datasets)
    return _Rankings(words, _of_models(meaning), weight, dataset_of, notices)


def _of_one(
    dataset: Dataset, question: str, method: SearchMethod, where: SearchFilter
) -> tuple[list[Ranked], list[Ranked], SegmillError | None]:
    """By words and by meaning, as far as the method asks for them and the dataset has them.

    The last says why the dataset's model had nothing to say.
    """
    by_words: list[Ranked] = []
    by_meaning: list[Ranked] = []
    if method != SearchMethod.SEMANTIC:
        by_words = full_text_ranking(dataset, question, FUSED_DEPTH, where=where)
    if method != SearchMethod.FULL_TEXT and dataset.has_vectors:
        try:
            by_meaning = semantic_ranking(dataset, question, FUSED_DEPTH, where=where)
        except (EmbeddingFailed, NoEmbeddingModel) as failure:
            return by_words, by_meaning, failure
    return by_words, by_meaning, None


# The names of values in the metadata of some segments: to offer them, nobody reads all segments.
NAMES = """
    SELECT DISTINCT name FROM (
        SELECT metadata FROM segments_documentsegment
        WHERE dataset_id = ANY(%s) AND metadata <> '{}' LIMIT 2000
    ) AS looked_at, jsonb_object_keys(looked_at.metadata) AS name
    ORDER BY name LIMIT 200
"""


def metadata_names(datasets: Sequence[Dataset]) -> list[str]:
    """Names of values that a filter may be about, as far as they are easily seen."""
    with connection.cursor() as cursor:
        cursor.execute(NAMES, [[dataset.pk for dataset in datasets]])
        own = [name for (name,) in cursor.fetchall()]
    fields = MetadataField.objects.filter(dataset__in=datasets).values_list("name", flat=True)
    return list(dict.fromkeys([*own, *fields, "document_name"]))


# The share of the question's words, by their weights, that a segment has.
COVERAGE = """
    SELECT coalesce(sum(weight) FILTER (WHERE lexeme IN (
        SELECT lexeme FROM unnest(segment.search_vector))), 0) / sum(weight)
    FROM segments_documentsegment AS segment,
        unnest(%s::text[], %s::float8[]) AS term (lexeme, weight)
    WHERE segment.id = %s GROUP BY segment.id
"""


def _comparable(dataset: Dataset, question: str, by_words: list[Ranked]) -> list[Ranked]:
    """The ranking with scores from 0 to 1 that can be compared with those of other datasets."""
    if not by_words:
        return []
    terms = terms_of(dataset, question)
    words, weights = [term.lexeme for term in terms], [term.weight for term in terms]
    with connection.cursor() as cursor:
        cursor.execute(COVERAGE, [words, weights, by_words[0].segment_id])
        row = cursor.fetchone()
    share = float(row[0]) if row else 0.0
    return [
        Ranked(segment, share * strength) for segment, strength in scaled_by_best(by_words).items()
    ]


def _of_models(by_model: Mapping[tuple[str, str], list[Ranked]]) -> list[Ranked]:
    """One ranking by meaning. Similarities of different models are brought to one scale."""
    rankings = [
        sorted(some, key=lambda ranked: -ranked.score) for some in by_model.values() if some
    ]
    if len(rankings) > 1:
        rankings = [
            [Ranked(segment, score) for segment, score in scaled_by_range(ranking).items()]
            for ranking in rankings
        ]
    joined = [ranked for ranking in rankings for ranked in ranking]
    return sorted(joined, key=lambda ranked: -ranked.score)


def _joined(found: _Rankings, method: SearchMethod) -> list[Ranked]:
    if method == SearchMethod.SEMANTIC:
        return found.meaning
    if method == SearchMethod.FULL_TEXT:
        return found.words
    return fused(found.words, found.meaning, found.weight)


def _reranked(
    datasets: Sequence[Dataset], question: str, hits: list[Hit]
) -> tuple[list[Hit], list[str]]:
    """The hits in the order of the reranker, if there is one to ask, and what became of that."""
    model = rerank_model_of(datasets[0])
    if len(datasets) > 1 or not model:
        return hits, []
    ordered, reranking = reranked(datasets[0], question, hits, model)
    return ordered, [_told(reranking)]


def _told(reranking: Reranking) -> str:
    if reranking.is_done:
        return f"The order is that of the reranker {reranking.model.model}."
    return f"Not reranked: {reranking.reason}"


def _explained(hits: Sequence[Hit], found: _Rankings, question: str) -> list[FoundHit]:
    words = _reasons(found.words, scaled_by_best(found.words))
    meaning = _reasons(found.meaning, scaled_by_range(found.meaning))
    markers = _markers(hits, found, question)
    explained = []
    for hit in hits:
        dataset = found.dataset_of[hit.segment_id]
        marker = markers[dataset.pk]
        explained.append(
            FoundHit(
                hit=hit,
                dataset=dataset,
                meaning=meaning.get(hit.segment_id),
                words=words.get(hit.segment_id),
                content=excerpt(marker.stretches(hit.content)),
                answer=excerpt(marker.stretches(hit.answer or "")),
            )
        )
    return explained


def _reasons(ranking: Sequence[Ranked], strengths: Mapping[UUID, float]) -> dict[UUID, Reason]:
    return {
        ranked.segment_id: Reason(place, strengths[ranked.segment_id])
        for place, ranked in enumerate(ranking, 1)
    }


def _markers(hits: Sequence[Hit], found: _Rankings, question: str) -> dict[UUID, Marker]:
    texts: dict[Dataset, list[str]] = defaultdict(list)
    for hit in hits:
        texts[found.dataset_of[hit.segment_id]] += [hit.content, hit.answer or ""]
    return {dataset.pk: Marker(dataset, question, some) for dataset, some in texts.items()}

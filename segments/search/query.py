"""search: a question about a dataset ─► hits. The one entry point of every search."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from datasets.models import Dataset
from segments.embedding.rerank import RerankModel
from segments.exceptions import SearchRefused
from segments.indexing.state import serving_generations
from segments.search.filters import ALL, SearchFilter
from segments.search.full_text import full_text_ranking
from segments.search.fusion import Ranked, fused
from segments.search.hits import Hit, hits_of
from segments.search.reranking import CANDIDATES, Reranking, rerank_model_of, reranked
from segments.search.vectors import semantic_ranking
from segments.search.weights import checked_weight, weight_of

DEFAULT_TOP_K = 10
# More than anybody reads or a prompt can hold. To read everything, export.
MAX_TOP_K = 100
MAX_QUERY_CHARS = 8_000
# Parts that are looked at for each passage, where parts are what is found.
PARTS_A_PASSAGE = 5
# How many of each ranking are fused; more would not change the first ten.
FUSED_DEPTH = 100


class SearchMethod(StrEnum):
    """How segments are found."""

    SEMANTIC = "semantic"
    """By the meaning of the question: vectors."""
    FULL_TEXT = "full_text"
    """By its words: BM25."""
    HYBRID = "hybrid"
    """By both: their scores, weighted."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first; `reranking` says what became of it, None if none was wanted."""

    hits: list[Hit]
    reranking: Reranking | None = None


def search(
    dataset: Dataset,
    query: str,
    method: SearchMethod | str = SearchMethod.HYBRID,
    top_k: int = DEFAULT_TOP_K,
    score_threshold: float | None = None,
    *,
    exact: bool = False,
    weight: float | None = None,
    rerank: RerankModel | None = None,
    where: SearchFilter = ALL,
) -> list[Hit]:
    """The hits of `search_result`, which tells what the arguments mean and what is refused."""
    how: dict[str, Any] = {"exact": exact, "weight": weight, "rerank": rerank, "where": where}
    return search_result(dataset, query, method, top_k, score_threshold, **how).hits


def search_result(
    dataset: Dataset,
    query: str,
    method: SearchMethod | str = SearchMethod.HYBRID,
    top_k: int = DEFAULT_TOP_K,
    score_threshold: float | None = None,
    *,
    exact: bool = False,
    weight: float | None = None,
    rerank: RerankModel | None = None,
    where: SearchFilter = ALL,
) -> SearchResult:
    """The segments of `dataset` that answer `query`, best first, at most `top_k`.

    Only enabled, completed segments of enabled, unarchived, completed documents are found, and
    of these only what passes the filter `where`. Scores are the same with a filter, but for
    hybrid, which scales them by the best of what passes.
    Any text is allowed. An economy dataset has no vectors, so there hybrid means full_text.
    Hits below `score_threshold`, on the method's own scale, are left out: cosine similarity
    (−1 to 1), BM25 (from 0, no upper bound), or for hybrid 0 to 1, where 1 is what comes first
    by meaning and by words. `weight` (0 to 1) is the share of meaning in hybrid, instead of
    the dataset's own.

    `rerank` names a reranker to use instead of the dataset's own, an empty one that none is
    to be used. Reranked hits have its scores, and the threshold is for these. Where it fails
    the hits stay as they were found, and the result says why. `exact` compares
    every vector instead of asking the index.

    Raises:
        SearchRefused: an unknown method, semantic in an economy dataset, a `top_k`, `weight`
            or query out of bounds.
        NoEmbeddingModel, EmbeddingFailed: the dataset's model is not available, or failed.
    """
    _check_bounds(query, top_k, weight)
    question = storable(query).strip()
    model = rerank_model_of(dataset) if rerank is None else rerank
    found = max(CANDIDATES, top_k) if model else top_k
    method = _method(dataset, method)
    threshold = None if model else score_threshold
    hits: list[Hit] = []
    for depth in (found, found * PARTS_A_PASSAGE):
        ranking = _ranking(dataset, question, method, depth, weight, exact, where)
        hits = hits_of(_over(ranking, threshold)[:depth])
        if len(ranking) < depth or not any(hit.child_chunks for hit in hits):
            break
    if not model:
        return SearchResult(hits[:top_k])
    hits, reranking = reranked(dataset, question, hits[:found], model)
    return SearchResult(_over(hits, score_threshold)[:top_k], reranking)


Scored = TypeVar("Scored", Ranked, Hit)


def _over(scored: list[Scored], threshold: float | None) -> list[Scored]:
    if threshold is None:
        return scored
    return [each for each in scored if each.score >= threshold]


def methods_of(dataset: Dataset) -> list[SearchMethod]:
    """The methods that give different results in this dataset."""
    return list(SearchMethod) if dataset.has_vectors else [SearchMethod.FULL_TEXT]


def storable(text: str) -> str:
    """`text` without what no segment can contain: NUL becomes a space, lone surrogates go."""
    return text.replace("\0", " ").encode(errors="ignore").decode()


def _ranking(
    dataset: Dataset,
    question: str,
    method: SearchMethod,
    top_k: int,
    weight: float | None,
    exact: bool,
    where: SearchFilter,
) -> list[Ranked]:
    if not question:
        return []
    if method == SearchMethod.SEMANTIC:
        return semantic_ranking(dataset, question, top_k, exact=exact, where=where)
    if method == SearchMethod.FULL_TEXT:
        return full_text_ranking(dataset, question, top_k, where)
    by_words, by_meaning = both_rankings(dataset, question, top_k, exact=exact, where=where)
    return fused(by_words, by_meaning, weight_of(dataset, question) if weight is None else weight)


def both_rankings(
    dataset: Dataset,
    question: str,
    top_k: int = FUSED_DEPTH,
    *,
    exact: bool = False,
    where: SearchFilter = ALL,
) -> tuple[list[Ranked], list[Ranked]]:
    """By words and by meaning, as deep as their fusion needs them."""
    depth = max(FUSED_DEPTH, top_k)
    generations = serving_generations(dataset)
    return (
        full_text_ranking(dataset, question, depth, where, generations),
        semantic_ranking(
            dataset, question, depth, exact=exact, where=where, generations=generations
        ),
    )


def _method(dataset: Dataset, wanted: SearchMethod | str) -> SearchMethod:
    try:
        method = SearchMethod(wanted)
    except ValueError:
        known = ", ".join(SearchMethod)
        raise SearchRefused(f"There is no search method “{wanted}”. Use one of: {known}.") from None
    if dataset.has_vectors:
        return method
    if method == SearchMethod.SEMANTIC:
        raise SearchRefused(
            f"Dataset “{dataset.name}” is an economy dataset, without vectors to search by "
            "meaning. Use method full_text."
        )
    return SearchMethod.FULL_TEXT


def _check_bounds(query: str, top_k: int, weight: float | None) -> None:
    if not 1 <= top_k <= MAX_TOP_K:
        raise SearchRefused(f"top_k is {top_k}; it must be from 1 to {MAX_TOP_K}.")
    if weight is not None:
        checked_weight(weight)
    if len(query) > MAX_QUERY_CHARS:
        raise SearchRefused(
            f"The query is {len(query):,} characters long; the maximum is {MAX_QUERY_CHARS:,}. "
            "Shorten it."
        )

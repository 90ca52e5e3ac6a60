"""search: a question about a dataset ─► hits. The one entry point of every search."""

from enum import StrEnum

from datasets.models import Dataset
from segments.exceptions import SearchRefused
from segments.search.full_text import full_text_ranking
from segments.search.fusion import Ranked, fused
from segments.search.hits import Hit, hits_of
from segments.search.vectors import semantic_ranking

DEFAULT_TOP_K = 10
# More than anybody reads or a prompt can hold. To read everything, export.
MAX_TOP_K = 100
MAX_QUERY_CHARS = 8_000
# How many of each ranking are fused; more would not change the first ten.
FUSED_DEPTH = 100


class SearchMethod(StrEnum):
    """How segments are found."""

    SEMANTIC = "semantic"
    """By the meaning of the question: vectors."""
    FULL_TEXT = "full_text"
    """By its words: BM25."""
    HYBRID = "hybrid"
    """By both: reciprocal rank fusion."""


def search(
    dataset: Dataset,
    query: str,
    method: SearchMethod | str = SearchMethod.HYBRID,
    top_k: int = DEFAULT_TOP_K,
    score_threshold: float | None = None,
    *,
    exact: bool = False,
) -> list[Hit]:
    """The segments of `dataset` that answer `query`, best first, at most `top_k`.

    Only enabled, completed segments of enabled, unarchived, completed documents are found.
    Any text is allowed. An economy dataset has no vectors, so there hybrid means full_text.
    Hits below `score_threshold`, on the method's own scale, are left out. `exact` compares every
    vector instead of asking the index.

    Raises:
        SearchRefused: an unknown method, semantic in an economy dataset, a `top_k` or a query
            out of bounds.
        NoEmbeddingModel, EmbeddingFailed: the dataset's model is not available, or failed.
    """
    _check_bounds(query, top_k)
    ranking = _ranking(dataset, storable(query).strip(), _method(dataset, method), top_k, exact)
    if score_threshold is not None:
        ranking = [ranked for ranked in ranking if ranked.score >= score_threshold]
    return hits_of(ranking[:top_k])


def methods_of(dataset: Dataset) -> list[SearchMethod]:
    """The methods that give different results in this dataset."""
    return list(SearchMethod) if dataset.has_vectors else [SearchMethod.FULL_TEXT]


def storable(text: str) -> str:
    """`text` without what no segment can contain: NUL becomes a space, lone surrogates go."""
    return text.replace("\0", " ").encode(errors="ignore").decode()


def _ranking(
    dataset: Dataset, question: str, method: SearchMethod, top_k: int, exact: bool
) -> list[Ranked]:
    if not question:
        return []
    if method == SearchMethod.SEMANTIC:
        return semantic_ranking(dataset, question, top_k, exact=exact)
    if method == SearchMethod.FULL_TEXT:
        return full_text_ranking(dataset, question, top_k)
    depth = max(FUSED_DEPTH, top_k)
    return fused(
        full_text_ranking(dataset, question, depth),
        semantic_ranking(dataset, question, depth, exact=exact),
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


def _check_bounds(query: str, top_k: int) -> None:
    if not 1 <= top_k <= MAX_TOP_K:
        raise SearchRefused(f"top_k is {top_k}; it must be from 1 to {MAX_TOP_K}.")
    if len(query) > MAX_QUERY_CHARS:
        raise SearchRefused(
            f"The query is {len(query):,} characters long; the maximum is {MAX_QUERY_CHARS:,}. "
            "Shorten it."
        )

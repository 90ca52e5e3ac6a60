"""Search: by meaning, by words, or by both."""

from segments.embedding.rerank import RerankModel
from segments.search.filters import Condition, LogicalOperator, Operator, SearchFilter
from segments.search.hits import ChildHit, Hit
from segments.search.query import SearchMethod, SearchResult, methods_of, search, search_result

__all__ = [
    "ChildHit",
    "Condition",
    "Hit",
    "LogicalOperator",
    "Operator",
    "RerankModel",
    "SearchFilter",
    "SearchMethod",
    "SearchResult",
    "methods_of",
    "search",
    "search_result",
]

"""Search: by meaning, by words, or by both."""

from segments.search.hits import Hit
from segments.search.query import SearchMethod, methods_of, search

__all__ = ["Hit", "SearchMethod", "methods_of", "search"]

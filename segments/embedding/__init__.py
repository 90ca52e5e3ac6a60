"""Embedding models behind one protocol, found by provider and name."""

from segments.embedding.base import Embedder, Part, Usage, Vectors, checked_vectors
from segments.embedding.catalog import PROVIDERS, embedder_of, get_embedder, price_of
from segments.embedding.dispatch import embed_all

__all__ = [
    "PROVIDERS",
    "Embedder",
    "Part",
    "Usage",
    "Vectors",
    "checked_vectors",
    "embed_all",
    "embedder_of",
    "get_embedder",
    "price_of",
]

"""Embedding models behind one protocol, found by their provider's name."""

from segments.embedding.base import Embedder, Vectors, checked_vectors
from segments.embedding.dispatch import embed_all
from segments.embedding.lookup import embedder_of, get_embedder, price_of
from segments.embedding.parts import Part, Usage
from segments.embedding.registry import PROVIDERS

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

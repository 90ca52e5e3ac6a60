"""Embedding models behind one protocol, found by their provider's name."""

from segments.embedding.base import Embedder, Vectors, checked_vectors
from segments.embedding.registry import PROVIDERS, get_embedder

__all__ = ["PROVIDERS", "Embedder", "Vectors", "checked_vectors", "get_embedder"]

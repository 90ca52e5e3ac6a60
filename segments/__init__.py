"""Segments, and the one import that fills documents with them."""

__version__ = "0.1.0"

"""Segments, and the one import that fills documents with them."""

"""Servers that behave as badly as real ones do, for the tests to run against."""

"""Tests with a real PostgreSQL."""

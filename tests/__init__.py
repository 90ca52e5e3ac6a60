"""Segmill's tests, by cost: `unit`, `integration` (PostgreSQL), `acceptance` (real processes)."""

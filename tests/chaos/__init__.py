"""Proof by destruction: real processes under faults, long walks, races, all crash points.

`make chaos` runs all of it; `python -m tests.chaos --help` tells how to run a part.
"""

"""Fault injection: real processes under faults, random walks, races, all crash points.

`make chaos` runs everything; `python -m tests.chaos --help` says how to run a part.
"""

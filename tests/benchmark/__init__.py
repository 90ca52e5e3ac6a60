"""Measures Segmill on this machine, in a home of its own, never in the user's.

`make bench` runs each part in its own process (`python -m tests.benchmark.part`); their home
is `$SEGMILL_HOME/bench/home`, which is removed at the end.
"""

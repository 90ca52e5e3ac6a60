"""What Segmill can do on this machine: measured in a home of its own, never in the user's.

`make bench` runs each part in a process of its own (`python -m tests.benchmark.part`), whose
home is `$SEGMILL_HOME/bench/home` and is removed at the end.
"""

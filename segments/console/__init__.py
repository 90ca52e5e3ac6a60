"""How commands talk to people: a bar on a terminal, plain lines in a pipe, results as tables."""

from segments.console.display import ProgressDisplay, counted, watched
from segments.console.tables import print_hits, print_import, print_quality, print_table

__all__ = [
    "ProgressDisplay",
    "counted",
    "print_hits",
    "print_import",
    "print_quality",
    "print_table",
    "watched",
]

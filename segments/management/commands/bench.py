"""`manage.py bench`: measure it all on this machine, in a home of its own."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from segments.benchmark.display import BenchDisplay
from segments.benchmark.figures import PARTS, QUICK, Sizes
from segments.benchmark.home import own_home, run_part
from segments.benchmark.results import Results, print_results, write_files


class Command(BaseCommand):
    """Runs the parts one after the other; prints tables, writes a chart and a JSON file."""

    help = "Measure imports and searches on this machine; the home's own data is not touched."
    # The user's database is not used at all, whatever state it is in.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to measure, of what size, and how to answer."""
        parser.add_argument("--rows", type=int, help=f"rows of an import ({Sizes().rows:,})")
        parser.add_argument(
            "--quick",
            action="store_true",
            help="a minute, to see that it works: numbers mean nothing",
        )
        parser.add_argument("--only", choices=PARTS, action="append", help="this part; repeatable")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure, print, and keep the results in `$SEGMILL_HOME/bench`."""
        sizes = QUICK if options["quick"] else Sizes()
        if options["rows"]:
            sizes = replace(sizes, rows=options["rows"])
        folder = settings.SEGMILL_HOME / "bench"
        began, clock = datetime.now(UTC), perf_counter()
        figures = []
        with own_home(folder) as home, BenchDisplay(sys.stderr) as display:
            for part in options["only"] or PARTS:
                display.begin(part)
                figures += run_part(home, part, sizes, display.step)
                display.end()
        results = Results(began=began, seconds=perf_counter() - clock, sizes=sizes, figures=figures)
        paths = write_files(results, folder)
        if options["json"]:
            self.stdout.write(
                json.dumps(results.as_json() | {"files": [str(path) for path in paths]})
            )
        else:
            print_results(results, sys.stdout)
            for path in paths:
                self.stdout.write(str(path))

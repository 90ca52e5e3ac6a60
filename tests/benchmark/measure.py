"""Runs the whole benchmark on this machine, in a home of its own."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter

from django.conf import settings
from django.core.management import CommandError

from tests.benchmark.display import BenchDisplay
from tests.benchmark.figures import MILLION, PARTS, QUICK, Sizes
from tests.benchmark.home import own_home, run_part
from tests.benchmark.results import Results, json_of, print_results, write_files


def main() -> None:
    """Run the parts one after another; print tables, write a chart and a JSON file."""
    options = options_from(sys.argv[1:])
    try:
        _measure(options)
    except CommandError as error:
        sys.exit(str(error))


def options_from(arguments: Sequence[str]) -> Namespace:
    """What to measure, in what size, and how to print it."""
    parser = ArgumentParser(
        prog="python -m tests.benchmark",
        description="Measure imports and searches. Your data is not touched.",
    )
    parser.add_argument("--rows", type=int, help=f"rows of an import (default: {Sizes().rows:,})")
    parser.add_argument(
        "--million", action="store_true", help="search in 1,000,000 rows too; takes ten minutes"
    )
    parser.add_argument(
        "--quick", action="store_true", help="check in a minute that it works; numbers mean nothing"
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="run this part; repeatable")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    options.only = options.only or list(PARTS)
    return options


def _measure(options: Namespace) -> None:
    """Measure, print, and save the results in `$SEGMILL_HOME/bench`."""
    sizes = QUICK if options.quick else Sizes()
    if options.rows:
        sizes = replace(sizes, rows=options.rows)
    if options.million:
        sizes = replace(sizes, search=(*sizes.search, MILLION))
    folder = settings.SEGMILL_HOME / "bench"
    began, clock = datetime.now(UTC), perf_counter()
    figures = []
    with own_home(folder) as home, BenchDisplay(sys.stderr) as display:
        for part in options.only:
            display.begin(part)
            figures += run_part(home, part, sizes, display.step)
            display.end()
    results = Results(began=began, seconds=perf_counter() - clock, sizes=sizes, figures=figures)
    paths = [str(path) for path in write_files(results, folder)]
    if options.json:
        sys.stdout.write(json_of(results, paths))
    else:
        print_results(results, sys.stdout)
        sys.stdout.write("".join(f"{path}\n" for path in paths))

"""`python -m tests.benchmark.quality`: what `make quality` runs; how good search is, by method.

Each judged set is imported and evaluated by the commands that everybody uses, in a home of its
own. So what is measured is the product: its defaults, and the weights that it has learned.
"""

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import django

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "tests" / "files" / "judged"
# Data sets that are not part of this repository; measured where they are.
SHARED = ROOT.parent / "shared" / "data"
QUERIES = "-queries"


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """A table of segments, and questions with the segments that answer them."""

    name: str
    rows: Path
    queries: Path

    @property
    def doc_form(self) -> str:
        """Whether its rows are passages, or questions with answers."""
        with self.rows.open(encoding="utf-8-sig") as file:
            return "qa_model" if "answer" in file.readline() else "text_model"


@dataclass(frozen=True, slots=True)
class Measured:
    """nDCG@10 by method, and the weight of meaning that hybrid had."""

    name: str
    queries: int
    weight: float
    source: str
    ndcg_at_10: dict[str, float]

    @property
    def as_line(self) -> str:
        """Its figures in a line, to be seen while other sets are still measured."""
        scores = "  ".join(f"{name} {value:.3f}" for name, value in self.ndcg_at_10.items())
        return f"{scores}  weight {self.weight:.2f} {self.source}"

    @property
    def gain(self) -> float:
        """How much better hybrid is than the better single method."""
        single = (value for name, value in self.ndcg_at_10.items() if name != "hybrid")
        return self.ndcg_at_10["hybrid"] - max(single)


def find_sets(folders: Sequence[Path]) -> list[JudgedSet]:
    """The sets in `folders` and below: NAME.csv with NAME.json or NAME-queries.json beside it."""
    rows = [path for folder in folders for path in sorted(folder.rglob("*.csv"))]
    return [
        JudgedSet(path.stem, path, queries)
        for path in rows
        for queries in (path.with_suffix(".json"), path.with_name(f"{path.stem}{QUERIES}.json"))
        if queries.is_file()
    ]


def measure(home: Path, judged: JudgedSet, *, tune: bool) -> Measured:
    """Import the set into a dataset of its name, and evaluate every method on it.

    Raises:
        CommandError: a command failed; the message ends with its last output.
    """
    place = ("--dataset", judged.name)
    made = ("--document", judged.name, "--create", "--doc-form", judged.doc_form)
    skip = ("--on-error", "skip")
    _run(home, "import_segments", str(judged.rows), *place, *made, *skip)
    tuning = ("--tune",) if tune else ()
    answer = json.loads(
        _run(home, "evaluate_search", str(judged.queries), *place, *tuning, "--json")[-1]
    )
    return Measured(
        name=judged.name,
        queries=answer["queries"],
        weight=answer["semantic_weight"],
        source=answer["semantic_weight_source"],
        ndcg_at_10={name: found["ndcg_at_10"] for name, found in answer["methods"].items()},
    )


def _run(home: Path, command: str, *arguments: str) -> list[str]:
    from tests.benchmark.home import output_lines

    return list(output_lines(home, [str(ROOT / "manage.py"), command, *arguments]))


def print_measured(found: Sequence[Measured]) -> None:
    """A line a set, and the mean of what hybrid gains."""
    from segments.management.tables import print_table

    columns = ["set", "questions", "full_text", "semantic", "hybrid", "gain", "weight"]
    rows = [
        [
            each.name,
            f"{each.queries:,}",
            *(f"{each.ndcg_at_10[method]:.3f}" for method in columns[2:5]),
            f"{each.gain:+.3f}",
            f"{each.weight:.2f} {each.source}",
        ]
        for each in found
    ]
    print_table("Quality of search, nDCG@10", columns, rows, sys.stdout)


def main() -> None:
    """Measure every set; print a table or JSON."""
    options = _options()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.conf import settings
    from django.core.management.base import CommandError

    try:
        found = list(_measured(options, Path(settings.SEGMILL_HOME) / "quality"))
    except CommandError as failure:
        sys.exit(str(failure))
    if options.json:
        sys.stdout.write(json.dumps([as_json(each) for each in found], indent=1) + "\n")
    else:
        print_measured(found)


def as_json(measured: Measured) -> dict[str, Any]:
    """The figures of a set, rounded to four digits."""
    rounded = {name: round(value, 4) for name, value in measured.ndcg_at_10.items()}
    return asdict(measured) | {"ndcg_at_10": rounded, "gain": round(measured.gain, 4)}


def _measured(options: Namespace, folder: Path) -> Iterator[Measured]:
    from tests.benchmark.home import own_home

    sets = find_sets([SHIPPED, *options.data])
    with own_home(folder) as home:
        for judged in sets:
            if not options.only or judged.name in options.only:
                sys.stderr.write(f"{judged.name}\n")
                measured = measure(home, judged, tune=options.tune)
                sys.stderr.write(f"  {measured.as_line}\n")
                yield measured


def _options() -> Namespace:
    parser = ArgumentParser(
        prog="python -m tests.benchmark.quality",
        description="Measure how well each method of search finds what people judged relevant. "
        "Your data is not touched.",
    )
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        default=[SHARED],
        help="a folder with more sets: NAME.csv and NAME.json, as evaluate_search reads it",
    )
    parser.add_argument("--only", action="append", help="measure the set of this name; repeatable")
    parser.add_argument("--tune", action="store_true", help="tune each weight on the questions")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""A benchmark's results as tables and as files: JSON for machines, SVG for people."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from config.embedded.programs import POSTGRES_VERSION
from segments.management.tables import print_table
from tests.benchmark import chart
from tests.benchmark.figures import Figure, Sizes, Target, targets_of
from tests.benchmark.trial import MODEL, PROVIDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything one run has measured."""

    began: datetime
    seconds: float
    sizes: Sizes
    figures: Sequence[Figure]

    @property
    def targets(self) -> list[Target]:
        """The targets, and what was measured."""
        return targets_of(self.figures)

    def as_json(self) -> dict[str, Any]:
        """The results as one JSON object."""
        return {
            "began": self.began.isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 1),
            "machine": machine(),
            "embedder": f"{PROVIDER}:{MODEL}",
            "sizes": asdict(self.sizes),
            "figures": [asdict(figure) for figure in self.figures],
            "targets": [asdict(target) | {"met": target.is_met} for target in self.targets],
        }


def machine() -> dict[str, Any]:
    """The machine and versions that the figures were measured with."""
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "postgres": POSTGRES_VERSION,
    }


def write_files(results: Results, folder: Path) -> list[Path]:
    """Write the results to files in `folder`, named by time; returns their paths."""
    stem = results.began.strftime("%Y%m%d-%H%M%S")
    data = folder / f"{stem}.json"
    data.write_text(json.dumps(results.as_json(), indent=2) + "\n", encoding="utf-8")
    drawn = folder / f"{stem}.svg"
    chart.draw(results.figures, drawn)
    return [data, drawn]


def json_of(results: Results, files: Sequence[str]) -> str:
    """One line of JSON: the results, and the files they were written to."""
    return json.dumps(results.as_json() | {"files": list(files)}) + "\n"


def print_results(results: Results, stream: TextIO) -> None:
    """Print a table for each part, and one of the targets."""
    for part in dict.fromkeys(figure.part for figure in results.figures):
        rows = [
            [figure.name, _number(figure), f"{figure.rows:,}", figure.counts]
            for figure in results.figures
            if figure.part == part
        ]
        print_table(part, ["figure", "measured", "rows", "what it includes"], rows, stream)
    rows = [
        [each.name, f"{each.value:.2f}", f"{each.sense} {each.wanted:g}", _verdict(each)]
        for each in results.targets
    ]
    if rows:
        print_table("targets", ["ratio", "measured", "target", ""], rows, stream)


def _number(figure: Figure) -> str:
    digits = 0 if figure.unit in ("rows/s", "rows", "MiB", "requests", "answers/s") else 2
    return f"{figure.value:,.{digits}f} {figure.unit}"


def _verdict(target: Target) -> str:
    return "met" if target.is_met else "missed"

"""The parts of a chaos run that need no processes: long walks, races, all crash points.

Each is what a test of `make test` does a little of, as often as it takes.
"""

import sys
import time
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any

from django.core.management import call_command
from rich.table import Table

from tests.chaos.display import ChaosDisplay
from tests.faults.hitting import every_hit, hit
from tests.faults.model import walk
from tests.faults.races import race
from tests.faults.scenarios import SCENARIOS

RACES = {
    "cancel against publish": 2_000,
    "the same submit from 8 threads": 2_000,
    "two imports, an edit and a delete": 500,
}


@dataclass(slots=True)
class PartResult:
    """What a part came to: counts by name, and what did not hold."""

    part: str
    seed: int
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether all of it held."""
        return not self.wrong

    def as_json(self) -> dict[str, Any]:
        """All of it for machines."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {"is_good": self.is_good, **found}

    def table(self) -> Table:
        """All of it for people."""
        table = Table(title=f"Chaos, {self.part}, seed {self.seed}", show_header=False)
        for name, count in self.counts.items():
            table.add_row(name, f"{count:,}")
        table.add_section()
        table.add_row("inconsistent", f"{len(self.wrong):,}")
        table.add_row("minutes", f"{self.seconds / 60:.1f}")
        for each in self.wrong:
            table.add_row("wrong", each)
        return table


def run_part(part: str, seed: int, steps: int, share: float) -> PartResult:
    """One of `model`, `races` and `points`; `share` of the races and points."""
    call_command("migrate", verbosity=0)
    result, began = PartResult(part, seed), time.monotonic()
    if part == "model":
        _walk(result, steps)
    elif part == "races":
        _race(result, share)
    else:
        _hit_all(result, share)
    result.seconds = time.monotonic() - began
    return result


def _walk(result: PartResult, steps: int) -> None:
    with ChaosDisplay(sys.stderr, f"model, seed {result.seed}", steps) as display:
        try:
            walked = walk(result.seed, steps, display)
        except AssertionError as wrong:
            result.wrong.append(str(wrong))
            return
    result.counts["steps"] = walked.moves.total()
    result.counts += Counter({f"move: {name}": count for name, count in walked.moves.items()})
    result.counts += Counter({f"imports {end}": count for end, count in walked.ends.items()})
    result.counts["moves of late workers"] = walked.late


def _race(result: PartResult, share: float) -> None:
    for kind, all_times in RACES.items():
        times = max(1, round(all_times * share))
        with ChaosDisplay(sys.stderr, kind, times) as display:
            try:
                ends = race(kind, times, result.seed, display).ends
            except AssertionError as wrong:
                result.wrong.append(str(wrong))
                continue
        result.counts[kind] = times
        result.counts += Counter({f"  {end}": count for end, count in sorted(ends.items())})


def _hit_all(result: PartResult, share: float) -> None:
    """Every fault at every point; a smaller share takes every so many."""
    for scenario in SCENARIOS:
        hits = list(every_hit(scenario))[:: max(1, round(1 / share))]
        with ChaosDisplay(sys.stderr, scenario.name, len(hits)) as display:
            for number, what in enumerate(hits, 1):
                try:
                    hit(what)
                    result.counts[f"{scenario.name}: {what.fault.value}"] += 1
                except AssertionError as wrong:
                    result.wrong.append(str(wrong))
                display(number, what.point.name[:60])

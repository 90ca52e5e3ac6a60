"""The result of a chaos run: figures, a table, and whether anything was lost."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from rich.table import Table

from tests.chaos.reader import Gap

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Done:
    """A fault: its kind, when it began, and when what it took away was back."""

    kind: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long after the end of a fault the last import it hit stood still."""

    kind: str
    seconds: float
    gap: Gap | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """The import, its status, and how long it took."""
        what = f"{self.gap.status} {self.gap.job_id}" if self.gap else "an import"
        return f"{what}, {self.seconds:.1f} s after {self.kind}"


def recoveries(faults: Sequence[Done], gaps: Sequence[Gap]) -> list[Recovery]:
    """One per fault that hit imports; a standstill that spans several counts for the last."""
    longest: dict[Done, Recovery] = {}
    for gap in gaps:
        met = [fault for fault in faults if gap.began < fault.ended and fault.began < gap.ended]
        if met:
            last = max(met, key=lambda fault: fault.ended)
            found = Recovery(last.kind, max(0.0, gap.ended - last.ended), gap)
            longest[last] = max(longest.get(last, found), found, key=lambda each: each.seconds)
    return list(longest.values())


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of `values` does not exceed; 0 if there are none."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else 0.0


@dataclass(slots=True)
class ChaosResult:
    """The result of a run."""

    broker: str
    seed: int
    limit_seconds: float
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    without_effect: int = 0
    imports: Counter[str] = field(default_factory=Counter)
    rows_expected: int = 0
    rows_found: int = 0
    rows_lost: int = 0
    rows_doubled: int = 0
    extra_imports: int = 0
    texts_embedded: int = 0
    looks: int = 0
    half_visible: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    watchdog_restarts: int = 0

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, doubled, half visible or stuck."""
        counts = self.rows_lost, self.rows_doubled, self.extra_imports
        return not any(counts) and not self.half_visible and not self.wrong

    @property
    def p99(self) -> float:
        """The seconds that 99 of 100 recoveries do not exceed."""
        return percentile([each.seconds for each in self.recoveries], 0.99)

    @property
    def longest(self) -> float:
        """The seconds of the longest recovery."""
        return percentile([each.seconds for each in self.recoveries], 1.0)

    def as_json(self) -> dict[str, Any]:
        """The result for machines."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        found["recoveries"] = len(self.recoveries)
        found["slow_recoveries"] = [str(each) for each in self._slow]
        summary = {
            "is_good": self.is_good,
            "faults_done": self.faults.total(),
            "recovery_p50_seconds": round(self._median, 2),
            "recovery_p99_seconds": round(self.p99, 2),
            "recovery_longest_seconds": round(self.longest, 2),
            "recovery_longest_by_kind": {
                kind: round(seconds, 2) for kind, seconds in self._longest_by_kind().items()
            },
        }
        return summary | found

    def table(self) -> Table:
        """The result for people."""
        table = Table(title=f"Chaos, {self.broker} broker, seed {self.seed}", show_header=False)
        slowest = self._longest_by_kind()
        for kind, count in sorted(self.faults.items()):
            longest = f"longest recovery {slowest[kind]:.1f} s" if kind in slowest else ""
            table.add_row(kind, f"{count:,}", longest)
        table.add_section()
        for name, value, note in self._figures():
            table.add_row(name, value, note)
        return table

    @property
    def _median(self) -> float:
        return percentile([each.seconds for each in self.recoveries], 0.5)

    @property
    def _slow(self) -> list[Recovery]:
        slow = [each for each in self.recoveries if each.seconds > self.limit_seconds]
        return sorted(slow, key=lambda each: each.seconds, reverse=True)

    def _longest_by_kind(self) -> dict[str, float]:
        longest: dict[str, float] = {}
        for each in self.recoveries:
            longest[each.kind] = max(longest.get(each.kind, 0.0), each.seconds)
        return longest

    def _figures(self) -> list[tuple[str, str, str]]:
        fates = ", ".join(f"{count:,} {fate}" for fate, count in sorted(self.imports.items()))
        unlike = [*self.half_visible, *self.wrong]
        return [
            ("faults done", f"{self.faults.total():,}", f"in {self.seconds / 60:.1f} minutes"),
            ("imports accepted", f"{self.imports.total():,}", fates),
            ("rows", f"{self.rows_found:,}", f"of {self.rows_expected:,}"),
            ("rows lost", f"{self.rows_lost:,}", ""),
            ("rows doubled", f"{self.rows_doubled:,}", ""),
            ("imports doubled", f"{self.extra_imports:,}", "of requests sent twice"),
            ("half-visible reads", f"{len(self.half_visible):,}", f"of {self.looks:,} looks"),
            ("texts embedded", f"{self.texts_embedded:,}", "by the endpoint, repeats included"),
            ("recoveries", f"{len(self.recoveries):,}", f"half within {self._median:.1f} s"),
            ("recovery p99", f"{self.p99:.1f} s", f"lease + tick: {self.limit_seconds:.0f} s"),
            ("longest recovery", f"{self.longest:.1f} s", ""),
            ("over lease + tick", f"{len(self._slow):,}", "\n".join(map(str, self._slow[:SHOWN]))),
            ("clusters restarted", f"{self.watchdog_restarts:,}", "by the watchdog"),
            ("violations", f"{len(unlike):,}", "\n".join(unlike[:SHOWN])),
        ]

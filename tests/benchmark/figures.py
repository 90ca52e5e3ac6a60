"""The values of a benchmark: sizes, measured figures, and targets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

PARTS = ("import", "filled", "memory", "search", "http", "endpoint")
PERCENT = 100

Unit = Literal["rows/s", "s", "MiB", "ms", "rows", "requests", "share", "answers/s"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many rows each part uses; `rounds` is how often the whole import is timed."""

    rows: int = 50_000
    rounds: int = 3
    filled: int = 500_000
    added: int = 10_000
    memory: tuple[int, int] = (50_000, 1_000_000)
    search: tuple[int, ...] = (1_000, 10_000, 100_000)
    questions: int = 100
    served: tuple[int, ...] = (1_000, 100_000)
    served_questions: int = 2_000
    endpoint: int = 10_000
    requests: int = 400


MILLION = 1_000_000

QUICK = Sizes(
    rows=2_000,
    rounds=1,
    filled=4_000,
    added=1_000,
    memory=(1_000, 4_000),
    search=(200, 2_000),
    questions=10,
    served=(200,),
    served_questions=40,
    endpoint=320,
    requests=12,
)
"""Only shows that everything works; its numbers mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number: `value` in `unit`, for `rows` rows; `counts` says what it includes."""

    part: str
    name: str
    value: float
    unit: Unit
    rows: int
    counts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The ratio of two figures, and what it should be (`at least` or `at most`)."""

    name: str
    value: float
    sense: Literal["at least", "at most"]
    wanted: float

    @property
    def is_met(self) -> bool:
        """Whether the value is on the right side of `wanted`."""
        if self.sense == "at least":
            return self.value >= self.wanted
        return self.value <= self.wanted


@dataclass(frozen=True, slots=True)
class Recorder:
    """What a part of the benchmark gets: how much to measure, and where to report.

    Call `step(what, done)` before each piece of work, with the share of the part that is done,
    and `record` with each figure.
    """

    sizes: Sizes
    step: Callable[[str, float], None]
    record: Callable[[Figure], None]


def targets_of(figures: Sequence[Figure]) -> list[Target]:
    """The targets whose figures were measured."""
    values = {(figure.part, figure.name): figure.value for figure in figures}
    found = []
    for name, above, below, sense, wanted in TARGETS:
        if above in values and below in values:
            share = round(values[above] / values[below], 3)
            found.append(Target(name=name, value=share, sense=sense, wanted=wanted))
    return found


Place = tuple[str, str]
TARGETS: Sequence[tuple[str, Place, Place, Literal["at least", "at most"], float]] = (
    (
        "whole high_quality import / embedder alone",
        ("import", "whole import, high_quality"),
        ("import", "embedder alone"),
        "at least",
        0.8,
    ),
    (
        "import into a filled dataset / into an empty one",
        ("filled", "import into a filled dataset"),
        ("filled", "import into an empty dataset"),
        "at least",
        0.9,
    ),
    (
        "peak memory of a large import / of a small one",
        ("memory", "peak memory, large import"),
        ("memory", "peak memory, small import"),
        "at most",
        1.2,
    ),
    (
        "vectors embedded by a second import of the file / rows",
        ("import", "embedded of a second import"),
        ("import", "rows of a second import"),
        "at most",
        0.0,
    ),
    (
        "whole import through an endpoint / endpoint capacity",
        ("endpoint", "whole import, endpoint"),
        ("endpoint", "endpoint capacity"),
        "at least",
        0.9,
    ),
    (
        "most requests of two processes in any minute / allowed",
        ("endpoint", "most requests in any minute"),
        ("endpoint", "allowed requests per minute"),
        "at most",
        1.0,
    ),
    (
        "their average requests per minute / allowed",
        ("endpoint", "average requests per minute"),
        ("endpoint", "allowed requests per minute"),
        "at least",
        0.9,
    ),
)

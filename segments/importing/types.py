"""The values that the steps of an import hand to one another."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias
from uuid import UUID

JSONScalar: TypeAlias = str | int | float | bool | None
JSONValue: TypeAlias = "JSONScalar | list[JSONValue] | dict[str, JSONValue]"


SHOWN_CHARS = 80
# Control characters by their Unicode pictures: NUL cannot be stored, ESC commands a terminal.
PICTURES = {code: 0x2400 + code for code in range(32)} | {0x7F: 0x2421}


def shown(value: str) -> str:
    """`value` cut to what a report shows, with nothing in it that cannot be stored or printed."""
    cut = value[:SHOWN_CHARS] + ("…" if len(value) > SHOWN_CHARS else "")
    return cut.translate(PICTURES).encode(errors="replace").decode()


class RawRow(NamedTuple):
    """A row as the file has it. A named tuple: a million are made, a dataclass costs thrice."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """An opened file: its column names and its rows, read as they are asked for.

    `position()` is the number of bytes of the file read so far.
    """

    header: tuple[str, ...]
    header_line: int
    rows: Generator[RawRow]
    position: Callable[[], int]


class SegmentRow(NamedTuple):
    """A checked row. A named tuple for the same reason as `RawRow`."""

    line: int
    content: str
    answer: str | None
    keywords: list[str] | None
    external_id: str | None
    metadata: Mapping[str, JSONValue]
    enabled: bool


class CountedRow(NamedTuple):
    """A checked row, its tokens and the hash of its content, ready to be staged."""

    segment: SegmentRow
    tokens: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row cannot be taken: line, column, the value (cut), a code and a sentence."""

    line: int
    column: str
    value: str
    code: str
    reason: str
    cells: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"line {self.line}" + (f", column “{self.column}”" if self.column else "")
        what = f" ({self.value!r})" if self.value else ""
        return f"{where}{what}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Target:
    """Where rows are going, as far as preparing them needs to know; the place may not exist yet.

    `provider` and `model` are empty for an economy dataset.
    """

    document_id: UUID
    dataset_id: UUID
    doc_form: str
    text_search_config: str
    provider: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: shown by a bar, a page, an API alike.

    `fraction` is of the phase, from 0 to 1, or None when it cannot be known.
    """

    phase: str
    rows: int
    fraction: float | None = None
    failed: int = 0
    reused: int = 0


Listener: TypeAlias = Callable[[Progress], None]
"""What a door passes in to hear of progress; it may raise to stop the import."""


def nobody(progress: Progress) -> None:
    """The listener of those who do not watch."""

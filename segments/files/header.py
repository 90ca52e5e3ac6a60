"""Finds the header of a table: titles, dates and empty rows may stand above it."""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import ceil

from segments.exceptions import FileEmpty, HeaderRefused
from segments.files.names import (
    ERROR_COLUMN,
    ESCAPED_COLUMN,
    METADATA_PREFIX,
    WEAK_NAMES,
    folded,
    part_named,
    part_resembled,
)
from segments.files.types import RawRow, shown
from segments.files.values import unguarded

# Titles and remarks above a table are fewer.
ROWS_LOOKED_AT = 40
# Rows with longer texts than these together are not held for the sake of a look.
CHARS_LOOKED_AT = 1024 * 1024
LONGEST_NAME = 120
# A header has a name for at least so many of the cells that rows usually have.
NAMED_SHARE = 0.6
SENTENCE_ENDS = tuple("?!。？！؟")
ROWS_TOLD = 3
# Skipped rows that a notice lists.
LINES_LISTED = 10


class Frame:
    """How wide a table is; known once its header is found, 0 before.

    A reader whose rows are only as wide as what stands in them asks it for the width.
    """

    def __init__(self) -> None:
        self.width = 0

    def fit(self, row: RawRow) -> RawRow:
        """A row that was read before the width was known, as it would be read now."""
        cells = (*row.cells, *[""] * (self.width - len(row.cells)))
        problems = tuple(
            problem
            for problem in row.problems
            if problem.code != "merged_cell" or (problem.place or 0) < self.width
        )
        return row._replace(cells=cells, problems=problems)


class SkippedRows:
    """Rows that are no rows: of what kind, how many, and where the first ones are."""

    def __init__(self, kind: str) -> None:
        self._kind, self.count, self._first = kind, 0, list[int]()

    def add(self, line: int) -> None:
        """One more."""
        self.count += 1
        if len(self._first) < LINES_LISTED:
            self._first.append(line)

    def __str__(self) -> str:
        listed = ", ".join(f"{line:,}" for line in self._first)
        more = " …" if self.count > LINES_LISTED else ""
        rows, were = ("row", "was") if self.count == 1 else ("rows", "were")
        return f"{self.count:,} {rows} {self._kind} {were} skipped: line {listed}{more}."


@dataclass(frozen=True, slots=True)
class Found:
    """A header, where it stands, the rows under it, and those of them that were looked at."""

    header: tuple[str, ...]
    line: int
    rows: Generator[RawRow]
    sample: tuple[RawRow, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is known of the header: its line, that there is none, or how it was the last time."""

    line: int | None = None
    is_missing: bool = False
    known: tuple[str, ...] = ()


def find_header(rows: Generator[RawRow], wanted: Wanted, frame: Frame | None = None) -> Found:
    """The header among the first of `rows`, as wanted or found.

    Raises:
        FileEmpty: there is no row.
        HeaderRefused: the row that is wanted does not exist.
    """
    first = _first_rows(rows, wanted)
    if not first:
        raise FileEmpty("The file is empty. Add a header and rows.")
    at = _place(first, wanted)
    names = _names(first[at].cells)
    is_missing = wanted.is_missing and not _is_numbered(names)
    if is_missing:
        names = tuple(str(number) for number in range(1, len(names) + 1))
    sample = first[at:] if is_missing else first[at + 1 :]
    if frame is not None:
        frame.width = len(names)
        sample = [frame.fit(row) for row in sample]
    notices = () if wanted.line or not at else (_notice(first, at),)
    return Found(names, first[at].line, _chained(sample, rows), tuple(sample), notices)


def rows_below(found: Found, notices: list[str]) -> Generator[RawRow]:
    """The rows under the header without those that repeat it, as on each page of a print-out.

    A notice is added at the end if there was one.
    """
    again = SkippedRows("like the header")
    names = _as_names(found.header)
    is_telling = sum(map(bool, names)) > 1  # one name alone may as well be a text
    with closing(found.rows) as rows:
        for row in rows:
            if is_telling and _repeats(row, names):
                again.add(row.line)
            else:
                yield row
    if again.count:
        notices.append(str(again))


def _as_names(cells: Sequence[str]) -> list[str]:
    """Cells as they are compared with a header, without empty ones at the end."""
    names = [folded(cell) for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _repeats(row: RawRow, names: Sequence[str]) -> bool:
    if len(row.cells) < len(names) or folded(row.cells[0]) != names[0]:
        return False
    return _as_names(row.cells) == names


def _is_numbered(names: Sequence[str]) -> bool:
    """Whether a header is that of a report on a file without one: its numbers, and the error."""
    original = original_names(names)
    numbers = [str(number) for number in range(1, len(original) + 1)]
    return ERROR_COLUMN in map(folded, names) and original == numbers


def original_names(header: Sequence[str]) -> list[str]:
    """The names of a header without those that a report of bad rows has added to it."""
    added = {ERROR_COLUMN, ESCAPED_COLUMN}
    return [folded(name) for name in _names(header) if folded(name) not in added]


def _names(cells: Sequence[str]) -> tuple[str, ...]:
    """The names in a header; one of our own files may have apostrophes before some of them."""
    if any(folded(cell) == ESCAPED_COLUMN for cell in cells):
        cells = [unguarded(cell) for cell in cells]
    return tuple(cell.strip() for cell in cells)


def _first_rows(rows: Generator[RawRow], wanted: Wanted) -> list[RawRow]:
    """As many rows as are needed to find the header; with a line that is wanted, from it on."""
    first: list[RawRow] = []
    chars = 0
    for row in rows:
        if wanted.line and row.line < wanted.line:
            continue
        first.append(row)
        chars += sum(map(len, row.cells))
        if len(first) >= ROWS_LOOKED_AT or chars > CHARS_LOOKED_AT:
            break
    if wanted.line and (not first or first[0].line != wanted.line):
        raise HeaderRefused(
            f"The header is said to be in row {wanted.line:,}, which is empty or does not exist. "
            "Choose another row."
        )
    return first


def _place(first: Sequence[RawRow], wanted: Wanted) -> int:
    if wanted.line or wanted.is_missing:
        return 0
    if wanted.known:
        known = original_names(wanted.known)
        for at, row in enumerate(first):
            if original_names(row.cells) == known:
                return at
    for parts_of in (_exact_parts, _near_parts):
        place = _place_by_names(first, parts_of)
        if place is not None:
            return place
    return _place_by_shape(first)


def _place_by_names(first: Sequence[RawRow], parts_of: Callable[[RawRow], set[str]]) -> int | None:
    """The first row with the most parts of a segment, if there is one with a text in it.

    A row above it that has fewer names counts as a title only if it is narrower, too.
    """
    counts = [len(parts) if parts & {"content", "answer"} else 0 for parts in map(parts_of, first)]
    if not any(counts):
        return None
    at = next(place for place, count in enumerate(counts) if count)
    if counts[at] == 1 and any(_filled(row) >= max(_filled(first[at]), 2) for row in first[:at]):
        return None
    for place in range(at + 1, len(first)):
        if counts[place] > counts[at] and _filled(first[place]) > _filled(first[at]):
            at = place
    return at


def _exact_parts(row: RawRow) -> set[str]:
    found = {_kind(part) for cell in row.cells if cell and (part := part_named(cell))}
    return found if found and is_like_header(row) else set()


def _near_parts(row: RawRow) -> set[str]:
    """Parts by names that are nearly right; several names, as a title may have such a word."""
    if not is_like_header(row) or _filled(row) < 2:
        return set()
    names = [cell for cell in row.cells if cell]
    return {part for cell in names if (part := _near_part(cell))}


def _near_part(cell: str) -> str | None:
    return "content" if folded(cell) in WEAK_NAMES else part_resembled(cell)


def _kind(part: str) -> str:
    return METADATA_PREFIX if part.startswith(METADATA_PREFIX) else part


def _place_by_shape(first: Sequence[RawRow]) -> int:
    """The first row that has as many names as rows usually have cells; else the first of all."""
    counts = Counter(count for row in first if (count := _filled(row)) > 1)
    if not counts:
        return 0
    usual = max(counts, key=lambda count: (counts[count], count))
    enough = max(2, ceil(usual * NAMED_SHARE))
    if _filled(first[0]) >= enough:
        return 0
    return next((at for at, row in enumerate(first) if _filled(row) >= enough), 0)


def is_like_header(row: RawRow) -> bool:
    """Whether the cells look like names: short, no sentences, no numbers, each once."""
    filled = [cell.strip() for cell in row.cells if cell.strip()]
    return (
        bool(filled)
        and all(len(cell) <= LONGEST_NAME for cell in filled)
        and not any(cell.endswith(SENTENCE_ENDS) for cell in filled)
        and not any(_is_number(cell) for cell in filled)
    )


def _is_number(cell: str) -> bool:
    return any(map(str.isdigit, cell)) and not any(map(str.isalpha, cell)) and len(cell) > 2


def _filled(row: RawRow) -> int:
    return sum(bool(cell.strip()) for cell in row.cells)


def _notice(first: Sequence[RawRow], at: int) -> str:
    above = [next(cell for cell in row.cells if cell.strip()) for row in first[:at] if _filled(row)]
    told = ", ".join(f"“{shown(cell.strip())}”" for cell in above[:ROWS_TOLD])
    more = " …" if len(above) > ROWS_TOLD else ""
    return f"The header was found in row {first[at].line:,}; left out above it: {told}{more}."


def _chained(first: Sequence[RawRow], others: Generator[RawRow]) -> Generator[RawRow]:
    """The rows that were read already, and the others; closing it closes those."""
    try:
        yield from first
        yield from others
    finally:
        others.close()

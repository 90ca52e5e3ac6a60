"""Just the bad rows of a file, in its format and columns, with what is wrong in another column.

Mended, the file can be imported as it is: the column `error` is passed over.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import PurePath
from typing import Protocol, TypeVar

from segments.exporting.tables import Row, Table, table_bytes
from segments.importing.columns import ERROR_COLUMN
from segments.importing.parts import folded
from segments.importing.types import FileFormat, JSONCell, JSONValue, RowProblem, Source
from segments.models import ImportJob

ROWS_AT_A_TIME = 2_000
# The key under which a report in JSON has what is no object, to be made one.
NO_OBJECT = "text"


class Problem(Protocol):
    """What is wrong with a row, whether it is kept in the database or not."""

    @property
    def line(self) -> int:
        """Where the row is."""
        ...

    @property
    def column(self) -> str:
        """In which of its columns; empty for the row as a whole."""
        ...

    @property
    def reason(self) -> str:
        """Why, and what to do."""
        ...


AnyProblem = TypeVar("AnyProblem", bound=Problem)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row of the file: its line, its cells as far as they are kept, all that is wrong."""

    line: int
    cells: Sequence[JSONValue]
    error: str


def report_of_job(job: ImportJob) -> Iterator[bytes]:
    """The bad rows of an import, in portions; of a file that could not be read, none."""
    errors = job.row_errors.order_by("line", "id")
    return _report(
        source_of(job), lambda: _grouped(errors.iterator(ROWS_AT_A_TIME), lambda error: error.raw)
    )


def report_of_problems(source: Source, problems: Sequence[RowProblem]) -> Iterator[bytes]:
    """The bad rows of a file that was only looked at, in portions."""
    return _report(source, lambda: _grouped(problems, _cells))


def report_name(file_name: str, source: Source) -> str:
    """What to call the file: as the one it comes from."""
    stem = PurePath(file_name.removesuffix(".gz")).stem or "rows"
    return f"{stem}-bad-rows.{source.format}"


def source_of(job: ImportJob) -> Source:
    """What the import's file turned out to be; CSV, if it could not be read at all."""
    return Source.from_json(job.source) if job.source else Source(FileFormat.CSV)


def _report(source: Source, bad: Callable[[], Iterable[BadRow]]) -> Iterator[bytes]:
    names = [name for name in source.header if folded(name) != ERROR_COLUMN]
    is_json = source.format in (FileFormat.JSON, FileFormat.JSONL)
    table = Table(
        [*names, ERROR_COLUMN] if names else [],
        lambda: (_object(source, row) if is_json else _row(source, row) for row in bad()),
        delimiter=source.delimiter or ",",
        sheet="Bad rows",
        keeps_shape=True,
    )
    return table_bytes(table, source.format)


def _grouped(
    problems: Iterable[AnyProblem], cells_of: Callable[[AnyProblem], Sequence[JSONValue] | None]
) -> Iterator[BadRow]:
    """A row for each line, whose problems stand one after the other."""
    for line, found in groupby(problems, key=attrgetter("line")):
        every = list(found)
        cells = next((cells for each in every if (cells := cells_of(each))), ())
        yield BadRow(line, cells, " ".join(map(_sentence, every)))


def _sentence(problem: Problem) -> str:
    return f"{problem.column}: {problem.reason}" if problem.column else problem.reason


def _cells(problem: RowProblem) -> Sequence[JSONValue]:
    return [cell.value if isinstance(cell, JSONCell) else cell for cell in problem.cells]


def _row(source: Source, bad: BadRow) -> Row:
    """The cells in their columns, the error in its own, and behind it what has no column."""
    width = len(source.header) or len(bad.cells)
    cells = [*bad.cells[:width], *[""] * (width - len(bad.cells))]
    if source.header:
        pairs = zip(source.header, cells, strict=True)
        cells = [cell for name, cell in pairs if folded(name) != ERROR_COLUMN]
    return [*cells, bad.error, *bad.cells[width:]]


def _object(source: Source, bad: BadRow) -> dict[str, JSONValue]:
    """The object with the values it had, or what was no object under a key of its own."""
    if len(bad.cells) != len(source.header):
        return {NO_OBJECT: bad.cells[0] if bad.cells else None, ERROR_COLUMN: bad.error}
    pairs = zip(source.header, bad.cells, strict=True)
    return {name: cell for name, cell in pairs if cell != ""} | {ERROR_COLUMN: bad.error}

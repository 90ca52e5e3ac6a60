"""The bad rows of an import or a dry run, written as a file to fix and import again."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import PurePath
from typing import Protocol, TypeVar

from datasets.models import Document
from segments.files.names import ERROR_COLUMN, folded
from segments.files.options import ImportOptions
from segments.files.types import FileDetails, FileFormat, JSONCell, JSONValue, RowProblem
from segments.files.writers import Row, Table, table_bytes
from segments.imports.column_mapping import remember_columns
from segments.imports.dry_run import DryRun
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


@dataclass(frozen=True, slots=True)
class BadRowsFile:
    """A file to download: its name, its format, and its content, which can be read once."""

    name: str
    format: FileFormat
    portions: Iterator[bytes]


def bad_rows_of_import(job: ImportJob) -> BadRowsFile:
    """The bad rows of an import in the format of its file, each with what is wrong with it.

    Rows are read from the database as `portions` is consumed. A file that could not be read at
    all gives an empty CSV.
    """
    details = (
        FileDetails.from_json(job.file_details) if job.file_details else FileDetails(FileFormat.CSV)
    )
    errors = job.row_errors.order_by("line", "id")
    return _file(
        job.file_name,
        details,
        lambda: _grouped(errors.iterator(ROWS_AT_A_TIME), lambda error: error.raw),
    )


def bad_rows_of_dry_run(
    found: DryRun, file_name: str, document: Document, options: ImportOptions
) -> BadRowsFile:
    """The bad rows that a dry run of `file_name` found, as `bad_rows_of_import` writes them.

    How the columns were read is remembered for the document, if it exists: the corrected file is
    imported as it is.
    """
    if not document._state.adding:
        remember_columns(document.pk, found.columns, options)
    return _file(file_name, found.file_details, lambda: _grouped(found.problems, _cells))


def _file(file_name: str, details: FileDetails, bad: Callable[[], Iterable[BadRow]]) -> BadRowsFile:
    stem = PurePath(file_name.removesuffix(".gz")).stem or "rows"
    kind = details.format.written
    return BadRowsFile(f"{stem}-bad-rows.{kind}", kind, _report(details, bad))


def _report(details: FileDetails, bad: Callable[[], Iterable[BadRow]]) -> Iterator[bytes]:
    names = [name for name in details.header if folded(name) != ERROR_COLUMN]
    is_json = details.format.written in (FileFormat.JSON, FileFormat.JSONL)
    table = Table(
        [*names, ERROR_COLUMN] if names else [],
        lambda: (_object(details, row) if is_json else _row(details, row) for row in bad()),
        delimiter=details.delimiter or ",",
        sheet="Bad rows",
        keeps_shape=True,
    )
    return table_bytes(table, details.format.written)


def _grouped(
    problems: Iterable[AnyProblem], cells_of: Callable[[AnyProblem], Sequence[JSONValue] | None]
) -> Iterator[BadRow]:
    """A row for each line, whose problems stand one after the other."""
    for line, found in groupby(problems, key=attrgetter("line")):
        every = list(found)
        cells = next((cells for each in every if (cells := cells_of(each))), ())
        yield BadRow(line, cells, f"Line {line:,}: {' '.join(map(_sentence, every))}")


def _sentence(problem: Problem) -> str:
    return f"{problem.column}: {problem.reason}" if problem.column else problem.reason


def _cells(problem: RowProblem) -> Sequence[JSONValue]:
    return [cell.value if isinstance(cell, JSONCell) else cell for cell in problem.cells]


def _row(details: FileDetails, bad: BadRow) -> Row:
    """The cells in their columns, the error in its own, and behind it what has no column."""
    width = len(details.header) or len(bad.cells)
    cells = [*bad.cells[:width], *[""] * (width - len(bad.cells))]
    if details.header:
        pairs = zip(details.header, cells, strict=True)
        cells = [cell for name, cell in pairs if folded(name) != ERROR_COLUMN]
    return [*cells, bad.error, *bad.cells[width:]]


def _object(details: FileDetails, bad: BadRow) -> dict[str, JSONValue]:
    """The object with the values it had, or a value that was not an object, under its own key."""
    if len(bad.cells) != len(details.header):
        return {NO_OBJECT: bad.cells[0] if bad.cells else None, ERROR_COLUMN: bad.error}
    pairs = zip(details.header, bad.cells, strict=True)
    return {name: cell for name, cell in pairs if cell != ""} | {ERROR_COLUMN: bad.error}

"""What tables have in common, whatever their format: a header, or none, above their rows."""

from collections.abc import Generator

from segments.exceptions import FileEmpty
from segments.importing.formats.opened import OpenedFile
from segments.importing.types import RawRow, Sheet, Source


def sheet_of(rows: Generator[RawRow], source: Source, opened: OpenedFile) -> Sheet:
    """The sheet whose header is the first of `rows`; numbers, if the file has no header.

    Raises:
        FileEmpty: there is no row.
    """
    first = next(rows, None)
    if first is None:
        raise FileEmpty("The file is empty. Put a header and rows into it.")
    if opened.options.no_header:
        header = tuple(str(number) for number in range(1, len(first.cells) + 1))
        rows = _with_first(first, rows)
    else:
        header = tuple(cell.strip() for cell in first.cells)
    return Sheet(header, first.line, rows, opened.position, source)


def _with_first(first: RawRow, others: Generator[RawRow]) -> Generator[RawRow]:
    yield first
    yield from others

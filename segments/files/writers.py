"""Tables written as files, row by row; the readers beside this module read them again.

A spreadsheet program takes a text for a formula if it begins with =, +, -, @, a tab or a line
end. In CSV such a cell gets a leading apostrophe (OWASP, "CSV Injection"), and the column
`escaped` of its row names it: an import removes those apostrophes, and no others. In XLSX cells
are written as texts, which are never calculated.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

from segments.files.types import FileFormat, JSONValue
from segments.files.values import guarded, is_dangerous, keywords_cell
from segments.files.xlsx.writer import xlsx_bytes

ESCAPED = "escaped"
BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
# How much of a file is sent or written at once.
PORTION_CHARS = 64 * 1024

CONTENT_TYPES = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.TSV: "text/tab-separated-values; charset=utf-8",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileFormat.JSON: "application/json",
    FileFormat.JSONL: "application/jsonl",
}

Cell: TypeAlias = str | int | float | date
"""What a cell for people is: a text, a number, a date, or a date and time."""
Row: TypeAlias = Sequence[JSONValue] | Mapping[str, JSONValue]
"""Values in the order of the header; in JSON they may be named instead."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header, any number of them; without a header their cells have no names.

    `keeps_shape`: the column `escaped` is there only if a row needs it; else always. A table
    `for_people` never has it, and its rows have a `Cell` under each header.
    """

    header: Sequence[str]
    rows: Callable[[], Iterable[Row]]
    delimiter: str = ","
    sheet: str = "Segments"
    keeps_shape: bool = False
    for_people: bool = False


def table_bytes(table: Table, kind: FileFormat) -> Iterator[bytes]:
    """The file of a table, in portions.

    Raises:
        ExportRefused: a row does not fit into the format; the text says which.
    """
    if kind == FileFormat.XLSX:
        rows = _cells(table.rows()) if table.for_people else _texts(table.rows())
        return xlsx_bytes(table.header, rows, table.sheet)
    if table.for_people:
        return _portions(_plain_lines(table))
    return _portions(_LINES[kind](table))


def cell_text(value: JSONValue) -> str:
    """The cell that an import reads as this value, in a table of texts."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return keywords_cell([str(item) for item in value])
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return str(value)


def _cells(rows: Iterable[Any]) -> Iterator[Sequence[Cell]]:
    yield from rows


def _plain_lines(table: Table) -> Iterator[str]:
    """CSV with quotes only where they are needed; dates as ISO 8601 writes them."""
    writer = csv.writer(_Line())
    yield BYTE_ORDER_MARK
    yield writer.writerow([guarded(name) for name in table.header])
    for cells in _cells(table.rows()):
        yield writer.writerow([_plain(cell) for cell in cells])


def _plain(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    return guarded(cell) if isinstance(cell, str) else str(cell)


def _texts(rows: Iterable[Any]) -> Iterator[list[str]]:
    return ([cell_text(value) for value in _values(row)] for row in rows)


def _values(row: Row) -> Iterable[JSONValue]:
    return row.values() if isinstance(row, Mapping) else row


class _Line:
    """A file that returns everything written to it: csv.writer's lines, one by one."""

    def write(self, line: str) -> str:
        return line


def _delimited(table: Table) -> Iterator[str]:
    """CSV as in RFC 4180, every cell in quotes; the mark tells spreadsheets it is UTF-8."""
    writer = csv.writer(_Line(), delimiter=table.delimiter, quoting=csv.QUOTE_ALL)
    yield BYTE_ORDER_MARK
    escapes = _escapes(table)
    if table.header:
        yield writer.writerow([*table.header, *([ESCAPED] if escapes else [])])
    for cells in _texts(table.rows()):
        line = [guarded(cell) for cell in cells]
        if escapes:
            line.append(_escaped(table.header, cells))
        yield writer.writerow(line)


def _escapes(table: Table) -> bool:
    """Whether there is a column that lists the cells with an added apostrophe."""
    if not table.header or ESCAPED in table.header:
        return False
    if not table.keeps_shape:
        return True
    return any(is_dangerous(cell) for cells in _texts(table.rows()) for cell in cells)


def _escaped(header: Sequence[str], cells: Sequence[str]) -> str:
    names = [name for name, cell in zip(header, cells, strict=False) if is_dangerous(cell)]
    return ",".join(names)


def _json_lines(table: Table) -> Iterator[str]:
    for row in table.rows():
        yield json.dumps(_object(table.header, row), ensure_ascii=False) + "\n"


def _json_array(table: Table) -> Iterator[str]:
    before = "[\n"
    for row in table.rows():
        yield before + json.dumps(_object(table.header, row), ensure_ascii=False)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _object(header: Sequence[str], row: Row) -> dict[str, JSONValue]:
    return dict(row) if isinstance(row, Mapping) else dict(zip(header, row, strict=True))


_LINES: dict[FileFormat, Callable[[Table], Iterator[str]]] = {
    FileFormat.CSV: _delimited,
    FileFormat.TSV: _delimited,
    FileFormat.JSON: _json_array,
    FileFormat.JSONL: _json_lines,
}


def _portions(lines: Iterable[str]) -> Iterator[bytes]:
    held: list[str] = []
    chars = 0
    for line in lines:
        held.append(line)
        chars += len(line)
        if chars >= PORTION_CHARS:
            yield "".join(held).encode()
            held, chars = [], 0
    yield "".join(held).encode()

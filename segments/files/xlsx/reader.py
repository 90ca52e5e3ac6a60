"""Reads the rows of a worksheet, with merged cells filled in."""

import io
import re
from bisect import bisect_right
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import IO

from segments.exceptions import FileMalformed
from segments.files.calamine import open_by_calamine
from segments.files.header import Frame
from segments.files.opened import ZIP_MAGIC, OpenedFile, sheet_of
from segments.files.types import (
    MAX_COLUMNS,
    CellError,
    FileDetails,
    FileFormat,
    RawRow,
    Sheet,
    column_letters,
)
from segments.files.workbooks import Sheets, read_sheets
from segments.files.xlsx.cells import LAST_COLUMN, LAST_ROW, SheetParser, SheetRow
from segments.files.xlsx.package import BLOCK_BYTES, DAMAGED, Package, XMLRefused
from segments.files.xlsx.workbook import (
    SharedStrings,
    SheetEntry,
    Workbook,
    read_formats,
    read_workbook,
)

# A merge takes some 30 bytes: <mergeCell ref="A2:B10"/>.
MERGE = re.compile(
    rb"<(?:\w+:)?mergeCell\s[^<>]{0,200}?ref=[\"']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})[\"']"
)
LONGEST_MERGE = 300
MAX_MERGES = 100_000


@dataclass(frozen=True, slots=True)
class Merge:
    """A block of merged cells: rows from 1, columns from 0, both ends included."""

    top: int
    left: int
    bottom: int
    right: int


class Merges:
    """The merged blocks of a sheet, requested row by row in ascending order."""

    def __init__(self, merges: list[Merge]) -> None:
        self._merges = sorted(merges, key=attrgetter("top"))
        self._tops = [merge.top for merge in self._merges]
        self._active: list[Merge] = []
        self._taken = 0

    def covering(self, row: int) -> list[Merge]:
        """The blocks with cells in `row`; rows must be requested in ascending order."""
        if not self._merges:
            return []
        upto = bisect_right(self._tops, row)
        self._active += self._merges[self._taken : upto]
        self._taken = max(self._taken, upto)
        self._active = [merge for merge in self._active if merge.bottom >= row]
        return self._active


def find_merges(stream: IO[bytes]) -> Merges:
    """The merged blocks that a sheet's XML lists.

    Raises:
        XMLRefused: there are more than `MAX_MERGES`.
    """
    found: list[Merge] = []
    held = b""
    while block := stream.read(BLOCK_BYTES):
        held += block
        end = 0
        if b"mergeCell" in held:
            for match in MERGE.finditer(held):
                end = match.end()
                found.append(_merge(match))
            if len(found) > MAX_MERGES:
                raise XMLRefused(f"over {MAX_MERGES:,} merged cells")
        held = held[max(end, len(held) - LONGEST_MERGE) :]
    return Merges(found)


def _merge(match: re.Match[bytes]) -> Merge:
    left, top, right, bottom = match.groups()
    return Merge(min(int(top), LAST_ROW), _column(left), min(int(bottom), LAST_ROW), _column(right))


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return min(number, LAST_COLUMN) - 1


class XLSXReader:
    """Workbooks of Excel 2007 and later, and of all programs that write the same format."""

    def recognises(self, opened: OpenedFile) -> bool:
        """By the signature of a ZIP archive; the package finds out which kind it is."""
        return opened.start.startswith(ZIP_MAGIC)

    def open(self, opened: OpenedFile) -> Sheet:
        """The sheet with the chosen name, or the first that is not hidden.

        Raises:
            FormatUnknown: it is another kind of archive, or damaged.
            FileProtected: it is encrypted.
            SheetNotFound: no sheet has that name.
        """
        package = Package(opened.source, opened.name, opened.deadline)
        if package.format in (FileFormat.XLSB, FileFormat.ODS):
            return open_by_calamine(opened, package.format)
        try:
            workbook = read_workbook(package)
        except XMLRefused as refusal:
            raise package.damaged(str(refusal)) from refusal
        sheets = Sheets([(entry.name, entry.is_hidden, entry) for entry in workbook.sheets])
        return read_sheets(
            sheets, opened.options.sheet, lambda entry: _opened(opened, package, workbook, entry)
        )


def _opened(opened: OpenedFile, package: Package, workbook: Workbook, entry: SheetEntry) -> Sheet:
    """One sheet of the workbook.

    Raises:
        FormatUnknown: it is damaged.
        FileEmpty: there is no row.
    """
    try:
        reading = _Reading(package, workbook, entry)
    except XMLRefused as refusal:
        raise package.damaged(str(refusal)) from refusal
    details = FileDetails(package.format, sheet=entry.name)
    notices: list[str] = []
    sheet = sheet_of(reading.rows(notices), details, opened, notices, reading.frame)
    return replace(sheet, position=reading.position)


class _Reading:
    """One sheet on its way from XML to rows."""

    def __init__(self, package: Package, workbook: Workbook, entry: SheetEntry) -> None:
        self._package, self._workbook, self._entry = package, workbook, entry
        if not package.has(entry.part):
            raise XMLRefused(f"the part of the sheet “{entry.name}” is missing")
        self.frame = Frame()
        self._hidden = 0
        self._stream: io.BufferedReader | None = None

    def rows(self, notices: list[str]) -> Generator[RawRow]:
        """The header and every row below it; at the end `notices` lists what else was found."""
        last = 1
        try:
            with ExitStack() as stack:
                merges = self._merges()
                for row in self._sheet_rows(stack):
                    last = row.number
                    self._hidden += row.is_hidden
                    yield self._raw(row, merges)
        except XMLRefused as refusal:
            raise FileMalformed(
                last, f"after this row, the sheet is damaged ({refusal}).", DAMAGED
            ) from refusal
        if self._hidden:
            rows = "row was" if self._hidden == 1 else "rows were"
            notices.append(f"{self._hidden:,} hidden {rows} read too.")

    def position(self) -> int:
        """How many bytes of the file are done, estimated from how much of the sheet was read."""
        if self._stream is None:
            return 0
        share = self._stream.raw.tell() / max(self._package.size(self._entry.part), 1)
        return round(self._package.bytes * min(share, 1.0))

    def _merges(self) -> Merges:
        with self._package.open(self._entry.part) as stream:
            return find_merges(stream)

    def _sheet_rows(self, stack: ExitStack) -> Iterator[SheetRow]:
        strings = stack.enter_context(closing(self._strings()))
        parser = SheetParser(strings, self._formats(), self._workbook.is_1904)
        self._stream = stack.enter_context(self._package.open(self._entry.part))
        return parser.rows(self._stream)

    def _strings(self) -> SharedStrings:
        if self._workbook.strings is None:
            return SharedStrings(None)
        with self._package.open(self._workbook.strings) as stream:
            return SharedStrings(stream)

    def _formats(self) -> list[str]:
        if self._workbook.styles is None:
            return []
        with self._package.open(self._workbook.styles) as stream:
            return list(read_formats(stream))

    def _raw(self, row: SheetRow, merges: Merges) -> RawRow:
        """A row as wide as the header, or wider if there is something beyond it.

        While the header is looked for, a row is as wide as what is in it.
        """
        columns = [*row.cells, *row.faults]
        width = max(columns) + 1 if columns else 0
        problems = [
            CellError(place, row.cells.get(place, ""), code, reason)
            for place, (code, reason) in row.faults.items()
        ]
        if width > MAX_COLUMNS:
            problems = [_too_wide(width - 1)]
            width = MAX_COLUMNS
        problems += self._merged(row, merges.covering(row.number))
        width = max(width, self.frame.width)
        get = row.cells.get
        cells = tuple([get(place, "") for place in range(width)])
        return RawRow(row.number, cells, tuple(problems))

    def _merged(self, row: SheetRow, merges: list[Merge]) -> Iterator[CellError]:
        """The cells of the row that show the content of another cell."""
        for merge in merges:
            for place in range(merge.left, min(merge.right + 1, self.frame.width or MAX_COLUMNS)):
                is_first = merge.top == row.number and merge.left == place
                if not is_first and place not in row.cells:
                    name = f"{column_letters(place)}{row.number}"
                    first = f"{column_letters(merge.left)}{merge.top}"
                    reason = f"The cell {name} is merged with {first}. Unmerge and fill it."
                    yield CellError(place, "", "merged_cell", reason)


def _too_wide(place: int) -> CellError:
    reason = (
        f"The row extends to column {column_letters(place)}; {MAX_COLUMNS} "
        "columns are allowed. Clear the cells beyond."
    )
    return CellError(place, "", "row_too_wide", reason)

"""XLSX (ECMA-376, SpreadsheetML) written while it is sent: only one row is in memory.

Every text is an inline text in the number format “Text” and with a quote prefix, so no program
calculates it, not even when a user edits it. Numbers and dates are such where the caller has some.

By hand rather than by openpyxl's write-only mode (3.1), whose file is complete only when its last
row is written: at 560 rows of an export a second (1,400 with lxml), where this writes 5,000 to
9,000, a proxy gives up on 50,000 segments before their first byte. XlsxWriter takes a text between
<r> and </r> for markup.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING, TypeAlias
from xml.sax.saxutils import escape, quoteattr

from segments.exceptions import ExportRefused
from segments.files.types import column_letters

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# What a sheet can hold (Excel's specifications and limits).
LONGEST_CELL_UNITS = 32_767
LAST_ROW = 1_048_576
PORTION_BYTES = 64 * 1024
COLUMN_WIDTH = 40

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
TEXT_STYLE, HEADER_STYLE, DATE_STYLE, TIME_STYLE = 1, 2, 3, 4
# Day 0 of spreadsheets; before March 1900 they count a day that there never was.
DAY_0, FIRST_DAY = datetime(1899, 12, 30), datetime(1900, 3, 1)  # noqa: DTZ001
DAY_SECONDS = 86_400

Cell: TypeAlias = str | int | float | date

PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{SHEET_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{SHEET_TYPE}.worksheet+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{SHEET_TYPE}.styles+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" '
        f'Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>'
    ),
    # 49 is the built-in number format “Text”; 14 and 22 are dates as the reader's country has them.
    "xl/styles.xml": (
        f'<styleSheet xmlns="{MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/>'
        '</font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        "<borders count='1'><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>'
        '</cellStyleXfs><cellXfs count="5"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" '
        'xfId="0"/><xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" '
        'quotePrefix="1" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" fillId="0" '
        'borderId="0" xfId="0" quotePrefix="1" applyNumberFormat="1" applyFont="1"/>'
        '<xf numFmtId="14" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        '<xf numFmtId="22" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        "</cellXfs>"
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
        "</styleSheet>"
    ),
}
FROZEN_HEADER = (
    '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
    'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
)

# Characters XML cannot hold, and texts that look like an escaped one (ST_Xstring).
UNWRITABLE = re.compile("[\0-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def xlsx_bytes(
    header: Sequence[str], rows: Iterable[Sequence[Cell]], sheet: str
) -> Iterator[bytes]:
    """The file of a table, in portions.

    Raises:
        ExportRefused: there are more rows than a sheet holds, or a cell is too long for one.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in PARTS.items():
            archive.writestr(name, DECLARATION + content)
        archive.writestr("xl/workbook.xml", DECLARATION + _workbook(sheet))
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for xml in _sheet(header, rows):
                part.write(xml.encode())
                if pipe.size >= PORTION_BYTES:
                    yield pipe.taken()
    yield pipe.taken()


class _Pipe(io.RawIOBase):
    """What the archive has written and was not taken yet; it cannot seek back."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, block: "ReadableBuffer", /) -> int:
        """Keep a block."""
        self._blocks.append(bytes(block))
        self.size += len(self._blocks[-1])
        return len(self._blocks[-1])

    def taken(self) -> bytes:
        """What was written since the last call."""
        taken, self._blocks, self.size = b"".join(self._blocks), [], 0
        return taken


def _workbook(sheet: str) -> str:
    return (
        f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        f'<sheet name={quoteattr(sheet)} sheetId="1" r:id="rId1"/></sheets></workbook>'
    )


def _sheet(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    view, columns = "", ""
    if header:
        view = FROZEN_HEADER
        width = f'width="{COLUMN_WIDTH}" customWidth="1"'
        columns = f'<cols><col min="1" max="{len(header)}" {width}/></cols>'
    yield f'{DECLARATION}<worksheet xmlns="{MAIN}">{view}{columns}<sheetData>'
    if header:
        yield _row(1, header, HEADER_STYLE)
    for number, cells in enumerate(rows, 2 if header else 1):
        yield _row(number, cells, TEXT_STYLE)
    yield "</sheetData></worksheet>"


def _row(number: int, cells: Sequence[Cell], style: int) -> str:
    if number > LAST_ROW:
        raise ExportRefused(
            f"There are more rows than an XLSX sheet can hold ({LAST_ROW:,}). Use CSV or JSONL."
        )
    written = "".join(
        _cell(f"{column_letters(place)}{number}", cell, number, style)
        for place, cell in enumerate(cells)
        if cell != ""
    )
    return f'<row r="{number}">{written}</row>'


def _cell(place: str, cell: Cell, row: int, style: int) -> str:
    if isinstance(cell, str):
        return (
            f'<c r="{place}" s="{style}" t="inlineStr"><is>'
            f'<t xml:space="preserve">{_written(cell, row)}</t></is></c>'
        )
    if isinstance(cell, date):
        moment = cell if isinstance(cell, datetime) else datetime.combine(cell, time())
        if moment < FIRST_DAY:
            return _cell(place, cell.isoformat(), row, style)
        days = (moment - DAY_0).total_seconds() / DAY_SECONDS
        kind = TIME_STYLE if isinstance(cell, datetime) else DATE_STYLE
        return f'<c r="{place}" s="{kind}"><v>{days!r}</v></c>'
    return f'<c r="{place}"><v>{cell!r}</v></c>'


def _written(cell: str, number: int) -> str:
    if len(cell) > LONGEST_CELL_UNITS // 2 and _units(cell) > LONGEST_CELL_UNITS:
        raise ExportRefused(
            f"Row {number:,} has a text of {len(cell):,} characters; an XLSX cell holds at most "
            f"{LONGEST_CELL_UNITS:,}. Use CSV or JSONL."
        )
    return escape(UNWRITABLE.sub(lambda match: f"_x{ord(match[0]):04X}_", cell))


def _units(text: str) -> int:
    """The length of a text as spreadsheets count it, in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2

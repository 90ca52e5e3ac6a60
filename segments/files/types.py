"""The values that the steps of an import pass to each other."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

JSONScalar: TypeAlias = str | int | float | bool | None
JSONValue: TypeAlias = "JSONScalar | list[JSONValue] | dict[str, JSONValue]"


def column_letters(place: int) -> str:
    """A spreadsheet's name for the column at `place`, counted from 0: A, …, Z, AA and so on."""
    letters, number = "", place + 1
    while number:
        number, digit = divmod(number - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters


SHOWN_CHARS = 80
# No table of segments has more columns: such a file was read wrongly, or made to do harm.
MAX_COLUMNS = 200
# Control characters as their Unicode pictures: NUL cannot be stored, ESC controls a terminal.
PICTURES = {code: 0x2400 + code for code in range(32)} | {0x7F: 0x2421}


def shown(value: str) -> str:
    """`value` as a report shows it: cut, without characters that cannot be stored or printed."""
    cut = value[:SHOWN_CHARS] + ("…" if len(value) > SHOWN_CHARS else "")
    return cut.translate(PICTURES).encode(errors="replace").decode()


class JSONCell(str):
    """A cell that is not a text in its JSON file: its text there, and its value."""

    value: JSONValue

    def __new__(cls, text: str, value: JSONValue) -> "JSONCell":
        """The cell `text`, which stands for `value`."""
        cell = super().__new__(cls, text)
        cell.value = value
        return cell


class CellError(NamedTuple):
    """What is wrong with a cell, or with a row as a whole, before it is validated.

    `place` counts columns from 0.
    """

    place: int | None
    value: str
    code: str
    reason: str


class RawRow(NamedTuple):
    """A row as it is in the file. A named tuple: a dataclass costs three times as much.

    `line` is what the user sees: a line of a text, a row of a spreadsheet, an element of an array.
    """

    line: int
    cells: tuple[str, ...]
    problems: tuple[CellError, ...] = ()


class FileFormat(StrEnum):
    """The formats that are read and written."""

    CSV = "csv"
    TSV = "tsv"
    XLSX = "xlsx"
    XLSM = "xlsm"
    XLSB = "xlsb"
    XLS = "xls"
    ODS = "ods"
    JSON = "json"
    JSONL = "jsonl"
    PDF = "pdf"
    DOCX = "docx"
    HTML = "html"
    MD = "md"
    TXT = "txt"

    @property
    def label(self) -> str:
        """The name people know it by."""
        return LABELS.get(self, self.upper())

    @property
    def written(self) -> "FileFormat":
        """The format that rows of files like it are written in."""
        if self in DOCUMENT_FORMATS:
            return FileFormat.JSONL
        return FileFormat.XLSX if self in WORKBOOK_FORMATS else self


WORKBOOK_FORMATS = frozenset(
    {FileFormat.XLSX, FileFormat.XLSM, FileFormat.XLSB, FileFormat.XLS, FileFormat.ODS}
)
# Texts, whose pieces become rows; all others are tables.
DOCUMENT_FORMATS = frozenset(
    {FileFormat.PDF, FileFormat.DOCX, FileFormat.HTML, FileFormat.MD, FileFormat.TXT}
)
LABELS = {FileFormat.JSONL: "JSON Lines", FileFormat.MD: "Markdown", FileFormat.TXT: "plain text"}


@dataclass(frozen=True, slots=True)
class FileDetails:
    """What a file turned out to be: the encoding and the delimiter of a text, else the sheet.

    `header` are its columns, numbered without a header; `uses` says of each column which part of a
    segment it is, empty for none.
    """

    format: FileFormat
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    header: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    def as_json(self) -> dict[str, JSONValue]:
        """The fields, for storing."""
        return {
            "format": self.format.value,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "sheet": self.sheet,
            "header": list(self.header),
            "uses": list(self.uses),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "FileDetails":
        """The value that `as_json` has written."""
        return cls(
            FileFormat(stored["format"]),
            stored["encoding"],
            stored["delimiter"],
            stored["sheet"],
            tuple(stored["header"]),
            tuple(stored["uses"]),
        )


@dataclass(frozen=True, slots=True)
class Sheet:
    """An opened file: its column names and its rows, read on demand.

    `position()` is the number of bytes of the file read so far. `notices` is complete when the
    last row has been read. `sample` are the first rows, which come in `rows` all the same.
    """

    header: tuple[str, ...]
    header_line: int
    rows: Generator[RawRow]
    position: Callable[[], int]
    details: FileDetails
    notices: list[str] = field(default_factory=list)
    sample: tuple[RawRow, ...] = ()


class SegmentRow(NamedTuple):
    """A checked row. A named tuple for the same reason as `RawRow`."""

    line: int
    content: str
    answer: str | None
    keywords: list[str] | None
    external_id: str | None
    metadata: Mapping[str, JSONValue]
    enabled: bool
    segment_id: UUID | None = None


class ParentRow(NamedTuple):
    """A passage whose parts are the rows from `first_row` to `last_row`, counted from 1."""

    segment: SegmentRow
    tokens: int
    content_hash: str
    first_row: int
    last_row: int


class CountedRow(NamedTuple):
    """A checked row, its tokens and the hash of its content, ready to be staged.

    The first part of a passage brings the passage along.
    """

    segment: SegmentRow
    tokens: int
    content_hash: str
    parent: ParentRow | None = None


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row cannot be accepted: line, column, the value (cut), a code and a sentence."""

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
    """Where rows are going, as far as preparing needs to know; it may not exist yet.

    `provider` and `model` are empty for an economy dataset.
    """

    document_id: UUID
    dataset_id: UUID
    doc_form: str
    text_search_config: str
    provider: str = ""
    model: str = ""
    tenant_id: UUID | None = None
    language: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is, for a progress bar, a page and the API.

    `fraction` is of the phase, from 0 to 1, or None when it cannot be known.
    """

    phase: str
    rows: int
    fraction: float | None = None
    failed: int = 0
    reused: int = 0


Listener: TypeAlias = Callable[[Progress], None]
"""A callback that receives progress; it may raise to stop the import."""


def no_progress(progress: Progress) -> None:
    """A listener that ignores progress."""

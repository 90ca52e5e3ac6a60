"""CSV and TSV (RFC 4180 and text/tab-separated-values with quotes), streamed.

Cells stay the text they are: no number, date or missing value is guessed.
"""

import codecs
import csv
import io
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count, islice
from typing import BinaryIO, ClassVar

from segments.exceptions import FileEmpty, FileMalformed
from segments.importing.types import RawRow, Sheet

# A cell that runs on for longer than this is an unclosed quote, not a text.
LONGEST_CELL_CHARS = 16 * 1024 * 1024
# A line that runs on for as long is no row: binary data, or a file without line ends.
LONGEST_LINE_CHARS = LONGEST_CELL_CHARS
UNCLOSED = ("unexpected end of data", "field larger than field limit")
QUOTED_CELL = re.compile(r'"[^"]*+(?:""[^"]*+)*+(?P<end>"?)')
LINE_END = re.compile(r"\r\n|\r|\n")
# What the error handler "surrogateescape" makes of a byte that is not UTF-8.
UNDECODED = re.compile("[\udc80-\udcff]")


class CSVReader:
    """Comma-separated values; also whatever no other reader has recognised."""

    delimiter: ClassVar[str] = ","

    def recognises(self, name: str, start: bytes) -> bool:
        """Any text; a NUL alone may be one bad cell, with other than UTF-8 it is no text."""
        return b"\0" not in start or _is_utf8(start)

    def open(self, file: BinaryIO) -> Sheet:
        """The sheet under the first line that is not blank.

        Raises:
            FileEmpty: there is no such line.
            FileMalformed: a line is not UTF-8, or a quote is never closed.
        """
        rows = _records(file, self.delimiter)
        header = next(rows, None)
        if header is None:
            raise FileEmpty("The file is empty. Put a header and rows into it.")
        return Sheet(tuple(cell.strip() for cell in header.cells), header.line, rows, file.tell)


class TSVReader(CSVReader):
    """Tab-separated values: by the file's name, or by a tab in a header without commas."""

    delimiter = "\t"

    def recognises(self, name: str, start: bytes) -> bool:
        """By `.tsv` or `.tab`, or by the first line."""
        header = _first_line(start)
        by_name = name.lower().endswith((".tsv", ".tab"))
        by_header = b"\t" in header and b"," not in header
        return super().recognises(name, start) and (by_name or by_header)


def _is_utf8(start: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)  # its last character may be cut
    except UnicodeDecodeError:
        return False
    return True


def _first_line(start: bytes) -> bytes:
    return start.lstrip().partition(b"\n")[0].partition(b"\r")[0]


def _records(file: BinaryIO, delimiter: str) -> Generator[RawRow]:
    """Every record with the line it starts at; lines with nothing at all are passed over."""
    csv.field_size_limit(LONGEST_CELL_CHARS)
    with _text(file, "strict") as text:
        reader = csv.reader(_lines(text), delimiter=delimiter, strict=True)
        line = 1
        try:
            for cells in reader:
                if cells:
                    yield RawRow(line, tuple(cells))
                line = reader.line_num + 1
        except csv.Error as error:
            raise _malformed(file, line, delimiter, str(error)) from error
        except UnicodeDecodeError as error:
            raise _not_utf8(file) from error


@contextmanager
def _text(file: BinaryIO, errors: str) -> Iterator[io.TextIOWrapper]:
    """`file` as text with its line ends as they are; it stays open afterwards."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors=errors, newline="")
    try:
        yield text
    finally:
        text.detach()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Lines ended by LF, CRLF or CR, none of them taken into memory if it is absurdly long."""
    for number in count(1):
        line = text.readline(LONGEST_LINE_CHARS)
        if not line:
            return
        if len(line) == LONGEST_LINE_CHARS and line[-1] not in "\r\n":
            raise FileMalformed(
                number,
                f"the line is longer than {LONGEST_LINE_CHARS:,} characters.",
                "Is this a text file? Put each row on a line of its own.",
            )
        yield line


def _malformed(file: BinaryIO, line: int, delimiter: str, what: str) -> FileMalformed:
    if any(sign in what for sign in UNCLOSED):
        return FileMalformed(
            _line_of_open_quote(file, line, delimiter),
            "a quoted cell begins in this line and is never closed.",
            'Close it with ", or double every " that belongs to the text.',
        )
    return FileMalformed(
        line, f"this row is not valid CSV ({what}).", 'Double every " that belongs to the text.'
    )


def _line_of_open_quote(file: BinaryIO, record: int, delimiter: str) -> int:
    """Where the cell begins that is never closed, in the record that begins at line `record`."""
    content, place = _record_from(file, record), 0
    while (cell := QUOTED_CELL.match(content, place)) is None or cell["end"]:
        found = content.find(delimiter, cell.end() if cell else place)
        if found < 0:
            return record
        place = found + 1
    return record + len(LINE_END.findall(content, 0, place))


def _record_from(file: BinaryIO, record: int) -> str:
    """The text from line `record` on, to its end or to where a cell would be too long."""
    file.seek(0)
    content = io.StringIO(newline="")
    with _text(file, "surrogateescape") as text:
        for line in islice(_lines(text), record - 1, None):
            if content.tell() > LONGEST_CELL_CHARS:
                break
            content.write(line)
    return content.getvalue()


def _not_utf8(file: BinaryIO) -> FileMalformed:
    """The refusal that names the first line and character that is not UTF-8."""
    file.seek(0)
    with _text(file, "surrogateescape") as text:
        line, broken = next(
            (number, found)
            for number, content in enumerate(_lines(text), 1)
            if (found := UNDECODED.search(content))
        )
    return FileMalformed(
        line,
        f"the byte 0x{ord(broken[0]) - 0xDC00:02X} at character {broken.start() + 1} is not UTF-8.",
        "Save the file as “CSV UTF-8” and import it again.",
    )

"""CSV and TSV (RFC 4180 and text/tab-separated-values with quotes), streamed.

Cells stay the text they are: no number, date or missing value is guessed.
"""

import csv
import io
from collections.abc import Generator
from typing import BinaryIO, ClassVar

from segments.exceptions import FileEmpty, FileMalformed
from segments.importing.types import RawRow, Sheet

# A cell that runs on for longer than this is an unclosed quote, not a text.
LONGEST_CELL_CHARS = 16 * 1024 * 1024
UNCLOSED = ("unexpected end of data", "field larger than field limit")


class CSVReader:
    """Comma-separated values; also whatever no other reader has recognised."""

    delimiter: ClassVar[str] = ","

    def recognises(self, name: str, start: bytes) -> bool:
        """Any text: no text encoding read here has a NUL byte in its first line."""
        return b"\0" not in _first_line(start)

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


def _first_line(start: bytes) -> bytes:
    return start.lstrip().splitlines()[0]


def _records(file: BinaryIO, delimiter: str) -> Generator[RawRow]:
    """Every record with the line it starts at; lines with nothing at all are passed over."""
    csv.field_size_limit(LONGEST_CELL_CHARS)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield RawRow(line, tuple(cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise _malformed(line, str(error)) from error
    except UnicodeDecodeError as error:
        raise _not_utf8(file) from error
    finally:
        text.detach()  # else the wrapper would close the caller's file


def _malformed(line: int, what: str) -> FileMalformed:
    if any(sign in what for sign in UNCLOSED):
        return FileMalformed(
            line,
            "a quoted cell begins in this row and is never closed.",
            'Close it with ", or double every " that belongs to the text.',
        )
    return FileMalformed(
        line, f"this row is not valid CSV ({what}).", 'Double every " that belongs to the text.'
    )


def _not_utf8(file: BinaryIO) -> FileMalformed:
    """The refusal that names the first line whose bytes are not UTF-8."""
    file.seek(0)
    line = 1
    for raw in file:
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            line += raw[: error.start].count(b"\r")
            byte = raw[error.start]
            return FileMalformed(
                line,
                f"the byte 0x{byte:02X} at character {error.start + 1} is not UTF-8.",
                "Save the file as “CSV UTF-8” and import it again.",
            )
        line += 1
    return FileMalformed(line, "the file ends within a character.", "Save it as UTF-8 again.")

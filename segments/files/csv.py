"""CSV and its relatives: cells between commas, semicolons, tabs or bars (RFC 4180), streamed."""

import csv
import io
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count, islice

from segments.exceptions import FileMalformed, FormatUnknown
from segments.files.encodings import LINE_END, undecodable
from segments.files.header import SkippedRows
from segments.files.names import PART_OF, folded
from segments.files.opened import START_BYTES, OpenedFile, sheet_of
from segments.files.types import FileDetails, FileFormat, RawRow, Sheet


@contextmanager
def text_of(opened: OpenedFile, errors: str = "strict") -> Iterator[io.TextIOWrapper]:
    """The text from its beginning, with its line ends unchanged; the file stays open.

    Raises:
        FileMalformed: bytes that are not in the file's encoding; the text names the line.
        FormatUnknown: the encoding given is UTF-16 or UTF-32, but the text has no byte order mark.
    """
    text = opened.text(errors)
    try:
        yield text
    except UnicodeDecodeError as error:
        raise undecodable(opened.content, opened.encoding) from error
    except UnicodeError as error:
        raise FormatUnknown(
            f"{opened.name} is not {opened.encoding.name} ({error}). "
            "Set its encoding (option encoding)."
        ) from error
    finally:
        text.detach()


def bounded_lines(text: io.TextIOWrapper, longest: int) -> Iterator[str]:
    """Lines ended by LF, CRLF or CR; an absurdly long one is refused, not read into memory."""
    for number in count(1):
        line = text.readline(longest)
        if not line:
            return
        if len(line) == longest and line[-1] not in "\r\n":
            raise FileMalformed(
                number,
                f"the line is longer than {longest:,} characters.",
                "Is this a text file? Put each row on a line of its own.",
            )
        yield line


def numbered_lines(opened: OpenedFile, longest: int) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers."""
    with text_of(opened) as text:
        yield from enumerate(bounded_lines(text, longest), 1)


# A cell longer than this is an unclosed quote, not a text.
LONGEST_CELL_CHARS = 16 * 1024 * 1024
# A line longer than this is not a row, but binary data or a file without line ends.
LONGEST_LINE_CHARS = LONGEST_CELL_CHARS
UNCLOSED = ("unexpected end of data", "field larger than field limit")
# The first line in which a file for Excel names its delimiter: sep=;
NAMED = re.compile(r"sep=(?P<delimiter>[^\r\n])[\r\n]", re.IGNORECASE)
QUOTED_CELL = re.compile(r'"[^"]*+(?:""[^"]*+)*+(?P<end>"?)')

# Text in UTF-16 without a mark is a half to a quarter NUL characters.
NUL_SHARE = 8

# The most likely first: it wins a tie.
DELIMITERS = (",", ";", "\t", "|")
# Rows read to find the delimiter.
SNIFFED_ROWS = 50
# Under a title, so many rows have to be cut alike for a delimiter to be seen in them.
ROWS_OF_A_TABLE = 3
# What the line under the header of a Markdown table is made of.
RULE = frozenset("-: ")


class DelimitedReader:
    """Delimited text; also any text that no other reader has recognised."""

    def recognises(self, opened: OpenedFile) -> bool:
        """Any text. One NUL may be a bad cell; many mean UTF-16 without a mark, or no text."""
        nuls = opened.text_start.count("\0")
        return not nuls or not (
            opened.encoding.is_guess or nuls > len(opened.text_start) // NUL_SHARE
        )

    def open(self, opened: OpenedFile) -> Sheet:
        """The sheet below the first line that is not blank.

        Raises:
            FileEmpty: there is no such line.
            FileMalformed: a line is not in the file's encoding, or a quote is never closed.
        """
        delimiter = opened.options.delimiter or sniff_delimiter(
            opened.text_start, opened.name, is_cut=len(opened.start) >= START_BYTES
        )
        details = FileDetails(
            FileFormat.TSV if delimiter == "\t" else FileFormat.CSV,
            encoding=opened.encoding.name,
            delimiter=delimiter,
        )
        notices: list[str] = []
        return sheet_of(_records(opened, delimiter, notices), details, opened, notices)


def sniff_delimiter(start: str, name: str = "", *, is_cut: bool = False) -> str:
    """The delimiter of a text that begins with `start`; with `is_cut` more text follows.

    It is the one with which the header has a column we know; else the one that splits the most
    rows into as many cells as the header; a comma, if none splits the header. A first line that
    names the delimiter decides.
    """
    if named := NAMED.match(start.lstrip("\ufeff")):
        return named["delimiter"]
    candidates = ("\t", *DELIMITERS) if name.lower().endswith((".tsv", ".tab")) else DELIMITERS
    return max(candidates, key=lambda delimiter: _score(_sniffed_rows(start, delimiter, is_cut)))


def is_table(start: str, *, is_cut: bool = False) -> bool:
    """Whether a text that begins with `start` is a table: by known names, or by rows cut alike.

    Commas have to cut more rows alike than other delimiters, as sentences have commas too.
    """
    if NAMED.match(start.lstrip("\ufeff")):
        return True
    for delimiter in DELIMITERS:
        rows = _sniffed_rows(start, delimiter, is_cut)
        if any(map(_is_known, rows[:1])) or (rows and _is_only_column(rows)):
            return True
        widths = [len(row) for row in rows]
        least = ROWS_OF_A_TABLE if delimiter == "," else 2
        if len(rows) >= least and widths[0] > 1 and len(set(widths)) == 1:
            return True
    return False


def _is_only_column(rows: list[list[str]]) -> bool:
    return len(rows) > 1 and len(rows[0]) == 1 and folded(rows[0][0]) in PART_OF


def _score(rows: list[list[str]]) -> tuple[bool, float, int]:
    """How well a delimiter has cut the text into rows; `max` keeps the first of equals."""
    header = next((row for row in rows if _is_known(row)), rows[0] if rows else [])
    if len(header) < 2:
        if header and folded(header[0]) in PART_OF:  # a table of one column, and no title
            return False, 0.0, 0
        header = next((row for row in rows if len(row) > 1), [])
        if sum(len(row) == len(header) for row in rows) < max(ROWS_OF_A_TABLE, len(rows) / 2):
            return False, 0.0, 0
    under = rows[rows.index(header) :]
    alike = sum(len(row) == len(header) for row in under) / len(rows)
    return _is_known(header), alike, len(header)


def _is_known(row: list[str]) -> bool:
    """Whether a row may be the header by the names in it; a title above it has but one cell."""
    return len(row) > 1 and any(folded(cell) in PART_OF for cell in row)


def _sniffed_rows(start: str, delimiter: str, is_cut: bool) -> list[list[str]]:
    """The first rows, without a last one that the end of the sample may have cut off."""
    lines = io.StringIO(start.lstrip("\ufeff\r\n"), newline="")
    rows: list[list[str]] = []
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) > SNIFFED_ROWS:
                break
    except csv.Error:
        pass  # what was read before there are enough rows to compare
    return rows[:-1] if is_cut and len(rows) > 1 else rows


def _records(opened: OpenedFile, delimiter: str, notices: list[str]) -> Generator[RawRow]:
    """Every record, with the line it starts at.

    Skips blank lines, a first line that names the delimiter, and rows of empty cells, which
    spreadsheet programs write below a table: a notice lists those.
    """
    csv.field_size_limit(LONGEST_CELL_CHARS)
    empty = SkippedRows("without a text")
    with text_of(opened) as text:
        reader = csv.reader(
            bounded_lines(text, LONGEST_LINE_CHARS), delimiter=delimiter, strict=True
        )
        line = 1
        try:
            for cells in reader:
                if line == 1 and NAMED.match(delimiter.join(cells) + "\n"):
                    pass
                elif len(cells) > 1 and _is_empty(cells, delimiter):
                    empty.add(line)
                elif cells:
                    yield RawRow(line, tuple(cells))
                line = reader.line_num + 1
        except csv.Error as error:
            raise _malformed(opened, line, delimiter, str(error)) from error
    if empty.count:
        notices.append(str(empty))


def _is_empty(cells: list[str], delimiter: str) -> bool:
    """Whether a row has nothing in it, or only dashes between bars (Markdown)."""
    return not any(cells) or (delimiter == "|" and set("".join(cells)) <= RULE)


def _malformed(opened: OpenedFile, line: int, delimiter: str, what: str) -> FileMalformed:
    if any(sign in what for sign in UNCLOSED):
        return FileMalformed(
            _line_of_open_quote(opened, line, delimiter),
            "a quoted cell starts on this line and is never closed.",
            'Close it with ", or double every " that belongs to the text.',
        )
    return FileMalformed(
        line, f"this row is not valid CSV ({what}).", 'Double every " that belongs to the text.'
    )


def _line_of_open_quote(opened: OpenedFile, record: int, delimiter: str) -> int:
    """Where the unclosed cell begins, in the record that begins at line `record`."""
    content, place = _record_from(opened, record), 0
    while (cell := QUOTED_CELL.match(content, place)) is None or cell["end"]:
        found = content.find(delimiter, cell.end() if cell else place)
        if found < 0:
            return record
        place = found + 1
    return record + len(LINE_END.findall(content, 0, place))


def _record_from(opened: OpenedFile, record: int) -> str:
    """The text from line `record` to its end, or to where a cell would be too long."""
    content = io.StringIO(newline="")
    with text_of(opened, "replace") as text:
        for line in islice(bounded_lines(text, LONGEST_LINE_CHARS), record - 1, None):
            if content.tell() > LONGEST_CELL_CHARS:
                break
            content.write(line)
    return content.getvalue()

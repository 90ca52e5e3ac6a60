"""Reading CSV and TSV: every cell as it stands, every row with the line it begins at."""

import csv
import io
import tracemalloc
from collections.abc import Iterator
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segments.exceptions import FileEmpty, FileMalformed, FileRefused
from segments.files import csv as delimited
from segments.files.opened import START_BYTES
from segments.files.sheets import open_sheet
from segments.files.types import RawRow


def read(content: bytes | str, name: str = "rows.csv") -> tuple[tuple[str, ...], list[RawRow]]:
    """The header and the rows of a file."""
    data = content.encode() if isinstance(content, str) else content
    sheet = open_sheet(io.BytesIO(data), name)
    return sheet.header, list(sheet.rows)


def test_a_header_that_comes_again_is_no_row() -> None:
    """As in a print-out of many pages, or in files that were put one after the other."""
    text = "Frage,Antwort,\nWie?,So.,\n\ufefffrage,ANTWORT \nWann?,Dann.\nFrage,Antwort,Nr.\n"
    sheet = open_sheet(io.BytesIO(text.encode()), "rows.csv")

    assert [row.line for row in sheet.rows] == [2, 4, 5]
    assert sheet.notices == ["1 row like the header was skipped: line 3."]


def test_one_name_that_comes_again_is_a_text() -> None:
    assert [row.cells for row in read("content\na\ncontent\n")[1]] == [("a",), ("content",)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["without BOM", "with BOM"])
@pytest.mark.parametrize("last", [True, False], ids=["ends with newline", "ends without"])
def test_line_ends_and_byte_order_marks_make_no_difference(end: str, mark: str, last: bool) -> None:
    lines = ["content,answer", '"two', 'lines",yes', "", "00123,NA"]
    header, rows = read(mark + end.join(lines) + end * last)

    assert header == ("content", "answer")
    assert rows == [RawRow(2, (f"two{end}lines", "yes")), RawRow(5, ("00123", "NA"))]


@pytest.mark.parametrize(
    ("content", "name"),
    [("content\tanswer\na,b\tc", "rows.tsv"), ("content\tanswer\na,b\tc", "rows.txt")],
    ids=["by name", "by header"],
)
def test_tabs_separate_cells(content: str, name: str) -> None:
    assert read(content, name) == (("content", "answer"), [RawRow(2, ("a,b", "c"))])


def test_a_header_with_commas_is_csv_whatever_else_is_in_it() -> None:
    assert read("content,a\tb\nx,y")[0] == ("content", "a\tb")


def test_header_names_lose_their_blanks_and_cells_keep_them() -> None:
    assert read(" content , answer\n a , b") == (
        ("content", "answer"),
        [RawRow(2, (" a ", " b"))],
    )


def test_quotes_in_the_middle_of_a_cell_are_text() -> None:
    assert read('content\n5" screen\n"a ""b"" c"')[1] == [
        RawRow(2, ('5" screen',)),
        RawRow(3, ('a "b" c',)),
    ]


def test_blank_lines_before_the_header_are_passed_over_and_counted() -> None:
    blank = "\n" * (START_BYTES + 1)
    assert read(f"{blank}content\nx") == (("content",), [RawRow(START_BYTES + 3, ("x",))])


def test_nothing_but_blank_lines_is_an_empty_file() -> None:
    with pytest.raises(FileEmpty):
        read("\n" * (START_BYTES + 1))


# Surrogates cannot be encoded; a row without a cell cannot be written.
CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=8)


@pytest.mark.parametrize("delimiter", [",", "\t"], ids=["CSV", "TSV"])
# With LF alone csv.writer leaves a cell with CR unquoted, so there it has to quote all.
@pytest.mark.parametrize(
    ("end", "quoting"), [("\r\n", csv.QUOTE_MINIMAL), ("\n", csv.QUOTE_ALL)], ids=["CRLF", "LF"]
)
@given(rows=ROWS)
@example(rows=[["\r\n", "\r", "\n"], [""]])
@example(rows=[["", "\0"]])
def test_what_csv_writes_is_read_back_with_its_lines(
    rows: list[list[str]], delimiter: str, end: str, quoting: Literal[0, 1]
) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(["content"])
    written = []
    for row in rows:
        if any(row) or len(row) == 1:  # several empty cells are no row
            written.append(RawRow(lines_in(file.getvalue()) + 1, tuple(row)))
        writer.writerow(row)

    assert read(file.getvalue(), "rows.tsv" if delimiter == "\t" else "rows.csv")[1] == written


def lines_in(text: str) -> int:
    """The line ends in `text`, as an editor counts them: CRLF is one."""
    return text.replace("\r\n", "\n").replace("\r", "\n").count("\n")


@given(st.binary(max_size=200))
def test_any_bytes_give_rows_or_a_refusal(content: bytes) -> None:
    refused: FileRefused | None = None
    try:
        read(b"content\n" + content)
    except FileRefused as refusal:
        refused = refusal
    if isinstance(refused, FileMalformed):
        assert 1 <= refused.line <= lines_in((b"content\n" + content).decode("latin-1")) + 1


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('content\nx\n"', 3),
        ('content,answer\n"a\nb",c,"d""\n\ne', 3),
        ('content,answer\n"a\r\nb\rc",5" x,"d', 4),
        ('content,answer\n"a""b","c\n","', 3),
        ('"content', 1),
    ],
)
def test_an_unclosed_quote_is_reported_where_it_opens(content: str, line: int) -> None:
    with pytest.raises(FileMalformed) as refused:
        read(content)
    assert refused.value.line == line
    assert "never closed" in str(refused.value)


def test_a_quote_that_swallows_the_file_is_found_without_reading_it_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delimited, "LONGEST_CELL_CHARS", 10_000)
    file = io.BytesIO(b'content,answer\nx,y\n1,"2\n' + b"some text\n" * 100_000)
    with pytest.raises(FileMalformed, match="Line 3: a quoted cell"):
        list(open_sheet(file, "rows.csv").rows)
    assert file.tell() < 100_000


def test_a_file_without_line_ends_is_not_taken_into_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delimited, "LONGEST_LINE_CHARS", 10_000)
    file = io.BytesIO(b"content\nx\n" + b"x" * 10_000_000)
    tracemalloc.start()
    with pytest.raises(FileMalformed, match="Line 3: the line is longer than 10,000 characters"):
        list(open_sheet(file, "rows.csv").rows)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.fixture(autouse=True)
def _usual_field_limit() -> Iterator[None]:
    """The limit of `csv` is one for the whole process."""
    yield
    csv.field_size_limit(delimited.LONGEST_CELL_CHARS)


def test_the_callers_file_stays_open() -> None:
    file = io.BytesIO(b"content\nx\n")
    list(open_sheet(file, "rows.csv").rows)
    assert not file.closed


def test_the_position_grows_as_rows_are_read() -> None:
    file = io.BytesIO(b"content\n" + b"some text\n" * 10_000)
    sheet = open_sheet(file, "rows.csv")
    next(sheet.rows)
    first = sheet.position()
    assert first < len(file.getvalue())
    list(sheet.rows)
    assert sheet.position() == len(file.getvalue())

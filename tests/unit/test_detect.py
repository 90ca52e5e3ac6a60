"""What a file is, its content says: formats, delimiters, wrappings, and what is no table at all."""

import gzip
import io
import json
import zipfile

import pytest

from segments.exceptions import (
    FileEmpty,
    FileMalformed,
    FileProtected,
    FileTooLarge,
    FileTooSlow,
    FormatUnknown,
)
from segments.files.csv import sniff_delimiter
from segments.files.options import ImportOptions
from segments.files.sheets import open_sheet
from segments.files.types import FileFormat, JSONCell, RawRow, Sheet
from tests.workbooks import workbook

CSV = "content,answer\na,b\n"


def opened(content: bytes | str, name: str = "file", **options: object) -> Sheet:
    """The sheet of a file with this content."""
    data = content.encode() if isinstance(content, str) else content
    return open_sheet(io.BytesIO(data), name, ImportOptions.from_fields(options))


def rows(content: bytes | str, name: str = "file", **options: object) -> list[tuple[str, ...]]:
    """The header and the cells of all rows."""
    sheet = opened(content, name, **options)
    return [sheet.header, *(row.cells for row in sheet.rows)]


@pytest.mark.parametrize("name", ["file", "file.csv", "file.xlsx", "file.txt", "file.json"])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (CSV.encode(), FileFormat.CSV),
        (CSV.replace(",", "\t").encode(), FileFormat.TSV),
        (workbook([["content", "answer"], ["a", "b"]]), FileFormat.XLSX),
        (b'{"content": "a", "answer": "b"}\n', FileFormat.JSONL),
        (b'[{"content": "a", "answer": "b"}]', FileFormat.JSON),
    ],
    ids=lambda value: str(value) if isinstance(value, FileFormat) else "",
)
def test_the_content_decides_whatever_the_name(content: bytes, kind: FileFormat, name: str) -> None:
    sheet = opened(content, name)

    assert sheet.details.format == kind
    assert sheet.header == ("content", "answer")
    assert [row.cells for row in sheet.rows] == [("a", "b")]


def test_a_name_that_promises_another_format_is_mentioned() -> None:
    assert "rows.xlsx contains CSV data" in opened(CSV, "rows.xlsx").notices[0]
    assert opened(CSV, "rows.csv").notices == []
    assert opened(CSV, "rows").notices == []


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("content,answer\na,b\n", ","),
        ("content;answer\na,1;b\n", ";"),
        ("content\tanswer\na;b\tc\n", "\t"),
        ("content|answer\na,b|c\n", "|"),
        ("Frage;Antwort\nEins, zwei;Ja, nein\nDrei;Vier, fünf\n", ";"),
        ("Frage, lang;Antwort\na;b\n", ";"),
        ('"a;b","c;d"\n"1;2","3;4"\n', ","),
        ("content\nHello, world; and | more\n", ","),
        ("one\n", ","),
        ('content;answer\n"never closed;b\nc;d\n', ";"),
    ],
)
def test_the_delimiter_is_found_by_header_and_width(text: str, delimiter: str) -> None:
    assert sniff_delimiter(text) == delimiter


def test_a_delimiter_that_is_given_counts() -> None:
    assert rows("content;answer:x\na;b:c\n", delimiter=":") == [
        ("content;answer", "x"),
        ("a;b", "c"),
    ]


def test_gzip_is_unpacked_and_its_name_is_the_name_inside() -> None:
    sheet = opened(gzip.compress(CSV.encode()), "rows.csv.gz")

    assert [row.cells for row in sheet.rows] == [("a", "b")]
    assert sheet.notices == []
    packed_json = gzip.compress(b'{"content": "x"}\n')
    assert rows(packed_json) == [("content",), ("x",)]


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-9], lambda data: data[:20] + b"x" + data[21:]],
    ids=["cut", "bad"],
)
def test_a_damaged_gzip_is_refused(damage) -> None:  # type: ignore[no-untyped-def]
    content = gzip.compress(b"content\n" + b"".join(b"%d\n" % n for n in range(5_000)))
    with pytest.raises((FileMalformed, FormatUnknown)):
        rows(damage(content), "rows.csv.gz")


def test_what_is_packed_twice_is_refused() -> None:
    with pytest.raises(FormatUnknown, match="compressed twice"):
        opened(gzip.compress(gzip.compress(CSV.encode())))


def test_a_bomb_is_refused_by_ratio_and_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(b"content\n" + b"a\n" * 20_000_000)
    with pytest.raises(FileTooLarge, match="over 100 times as large"):
        rows(bomb)

    monkeypatch.setattr("segments.files.opened.MAX_UNPACKED_BYTES", 1_000_000)
    with pytest.raises(FileTooLarge, match="larger than 1,000,000 bytes"):
        rows(bomb)


def test_reading_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segments.files.opened.MAX_PARSE_SECONDS", -1)
    with pytest.raises(FileTooSlow, match="took longer than -1 s"):
        rows(CSV)


def archive(*names: str, **contents: bytes) -> bytes:
    """A zip archive with these entries."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name in names:
            made.writestr(name, b"x")
        for name, content in contents.items():
            made.writestr(name, content)
    return file.getvalue()


OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize(
    ("content", "name", "what"),
    [
        (b"{\\rtf1 hello}", "a.rtf", "an RTF text"),
        (b"PAR1abc", "a.csv", "a Parquet file"),
        (b"\x89PNG\r\n\x1a\nabc", "a.csv", "a picture"),
        (b"SQLite format 3\0abc", "a.csv", "an SQLite database"),
        (b"BZh91AY", "a.csv.bz2", "bzip2"),
        (b"<!DOCTYPE html><table>", "a.xls", "an HTML page"),
        (b"\xef\xbb\xbf <html><body>", "a.csv", "an HTML page"),
        (b'<?xml version="1.0"?><Workbook>', "a.xls", "an XML document"),
        (OLE2 + "Workbook".encode("utf-16-le"), "a.xls", "cannot be read as XLS"),
        (OLE2, "a.doc", "an old Office document"),
        (archive("ppt/presentation.xml"), "a.pptx", "a PowerPoint"),
        (archive("a.csv"), "a.zip", "a ZIP archive"),
        (
            archive(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"),
            "a.ods",
            "cannot be read as ODS",
        ),
    ],
)
def test_what_is_no_table_is_refused_by_name_with_a_remedy(
    content: bytes, name: str, what: str
) -> None:
    with pytest.raises(FormatUnknown) as refused:
        opened(content, name)
    assert what in str(refused.value)
    assert str(refused.value).startswith(name)


def test_an_encrypted_workbook_is_refused() -> None:
    with pytest.raises(FileProtected, match="password"):
        opened(OLE2 + "EncryptedPackage".encode("utf-16-le"), "a.xlsx")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize(
    "text",
    [CSV, "Вопрос;Ответ\nКак дела?;Хорошо.\n", "質問,回答\n返金は何日かかりますか,五営業日です\n"],
)
def test_text_in_utf_16_and_32_needs_no_mark(codec: str, text: str) -> None:
    assert rows(text.encode(codec)) == rows(text.encode())


def test_without_a_header_columns_have_numbers() -> None:
    sheet = opened("a,b\nc,d\n", no_header="true")
    assert sheet.header == ("1", "2")
    assert list(sheet.rows) == [RawRow(1, ("a", "b")), RawRow(2, ("c", "d"))]


# --- JSON ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_lines", [True, False], ids=["lines", "array"])
def test_every_key_of_any_object_is_a_column(as_lines: bool) -> None:
    objects = [{"content": "a"}, {"content": "b", "x": 1}, {"answer": None, "content": "c"}]
    text = (
        "\n".join(json.dumps(each) for each in objects)
        if as_lines
        else json.dumps(objects, indent=1)
    )

    assert rows(text) == [("content", "x", "answer"), ("a", "", ""), ("b", "1", ""), ("c", "", "")]


def test_values_of_json_keep_their_kind_and_their_spelling() -> None:
    sheet = opened('{"content": "1.10", "a": 1.10, "b": true, "c": ["x"], "d": {"é": null}}')
    (row,) = sheet.rows

    assert row.cells == ("1.10", "1.10", "true", '["x"]', '{"é": null}')
    values = [cell.value for cell in row.cells if isinstance(cell, JSONCell)]
    assert values == [1.1, True, ["x"], {"é": None}]


def test_lines_of_json_lines_are_lines_and_those_of_an_array_elements() -> None:
    lines = opened('\n{"content": "a"}\n\n{"content": "b"}\n')
    assert [row.line for row in lines.rows] == [2, 4]
    array = opened('[{"content": "a"},\n\n{"content": "b"}]')
    assert [row.line for row in array.rows] == [1, 2]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"content": "a"', "Expecting"),
        ('["content"]', "it is a list"),
        ('{"content": NaN}', "NaN"),
        ('{"content": "a", "content": "b"}', "twice"),
        ('{"content": ' + "9" * 5_000 + "}", "digits"),
        ('{"content": ' + "[" * 100_000 + "}", "nested too deeply"),
    ],
    ids=["cut", "array", "NaN", "duplicate key", "long number", "deep"],
)
def test_a_bad_line_of_json_is_a_bad_row(line: str, fault: str) -> None:
    sheet = opened('{"content": "ok"}\n' + line + "\n")
    good, bad = sheet.rows

    assert not good.problems
    assert bad.line == 2
    assert bad.problems[0].code == "bad_json"
    assert fault in bad.problems[0].reason


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[{"content": "a"}', 1),
        ('[{"content": "a"},\n]', 2),
        ('[{"content": "a"}\n{"content": "b"}]', 2),
        ('[{"content": "a"}]\n\nx', 3),
        ('[{"content": "a"},\n{"content": "never closed}]', 2),
        ('[{"content": "a"},\n{"content": b}]', 2),
        ('[{"content": "a"},\n{"a": 1, "a": 2}]', 2),
        ('[{"content": ' + "[" * 100_000, 1),
    ],
)
def test_an_array_that_breaks_the_rules_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(FileMalformed) as refused:
        rows(text, "rows.json")
    assert refused.value.line == line


def test_an_array_longer_than_what_is_held_is_read_to_its_end() -> None:
    objects = [{"content": f"{number} " + "x" * (number * 97 % 5_000)} for number in range(400)]
    found = rows(json.dumps(objects), "rows.json")
    assert [cells[0] for cells in found[1:]] == [each["content"] for each in objects]


def test_one_object_over_many_lines_is_no_json_lines() -> None:
    with pytest.raises(FormatUnknown, match="one object per line"):
        opened('{\n "content": "a"\n}')


@pytest.mark.parametrize("text", ["[]", " [ ]\n"])
def test_an_array_of_nothing_is_empty(text: str) -> None:
    with pytest.raises(FileEmpty):
        opened(text)

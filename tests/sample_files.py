"""The files in `tests/files/hostile` and `tests/files/odd`, and what has to come of each.

`python -m tests.sample_files` writes them anew. They are small, and each is of one failure mode or
one habit of real programs; what is large is made by `tests.hostile` when it is asked for.
"""

import gzip
import io
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tests.hostile import hostile_files
from tests.workbooks import MAIN, OFFICE, packed, parts_of, sheet_xml, styles_xml, workbook

FILES = Path(__file__).parent / "files"
LARGEST_BYTES = 128 * 1024

# File → the hostile file of that name, which says what has to be said of it.
HOSTILE = {
    "pdf_named.csv": "PDF named .csv",
    "html_named.csv": "HTML named .csv",
    "parquet_named.json": "Parquet named .json",
    "program_named.txt": "ELF named .txt",
    "encrypted.xlsx": "encrypted.xlsx",
    "word.xlsx": "archive of word/document.xml",
    "binary_workbook.xlsx": "archive of xl/workbook.bin",
    "path_traversal.zip": "archive of ../../etc/passwd",
    "archive_of_a_table.zip": "archive of a.csv",
    "packed_twice.csv.gz": "gzip in gzip",
    "zip_in_gzip.csv.gz": "zip in gzip",
    "gzip_bomb.csv.gz": "gzip of 60 MB of rows",
    "zip_bomb_in_sheet.xlsx": "zip bomb in worksheets/sheet1",
    "zip_bomb_in_styles.xlsx": "zip bomb in styles",
    "zip_bomb_in_extra_part.xlsx": "zip bomb in extra",
    "shared_string_bomb.xlsx": "a million texts of nothing",
    "billion_laughs.xlsx": "billion laughs in xl/worksheets/sheet1.xml",
    "quadratic_blow_up.xlsx": "quadratic blow-up in xl/worksheets/sheet1.xml",
    "external_entity.xlsx": "external entity in xl/worksheets/sheet1.xml",
    "external_subset.xlsx": "external subset in xl/workbook.xml",
    "parameter_entity.xlsx": "parameter entity in xl/_rels/workbook.xml.rels",
    "mixed_encodings.csv": "mixed encodings",
    "overlong_utf_8.csv": "UTF-8 with c0af",
    "half_a_unit_of_utf_16.csv": "UTF-16 with half a unit",
    "half_a_pair_of_utf_16.csv": "UTF-16 with half a pair",
    "noise.csv": "noise",
    "nuls_alone.csv": "NULs alone",
    "10_000_columns.csv": "10,000 columns",
    "row_of_10_000_cells.csv": "a row of 10,000 cells",
    "unclosed_quote_in_header.csv": "a quote in the header",
    "no_header.csv": "no header",
    "title_above_header.csv": "a title above the header",
    "title_above_header.xlsx": "a title above a sheet's header",
    "objects_under_a_key.json": "objects under a key",
    "unknown_column.csv": "an unknown column",
    "column_without_name.csv": "a column without a name",
    "cut_line.jsonl": "JSON Lines with a cut line",
    "not_a_number.jsonl": "JSON Lines with NaN",
    "key_twice.jsonl": "JSON Lines with a key twice",
    "single_quotes.jsonl": "JSON Lines with single quotes",
    "trailing_comma.jsonl": "JSON Lines with a trailing comma",
    "100_000_brackets.jsonl": "JSON Lines with 100,000 brackets",
    "number_too_large.jsonl": "a number too large in lines",
    "metadata_too_deep.jsonl": "metadata too deep in lines",
    "list_for_a_text.jsonl": "a list for a text in lines",
    "half_a_character.jsonl": "half a character in lines",
    "nul.jsonl": "a NUL in lines",
    "300_keys.jsonl": "300 keys in lines",
    "array_breaks_off.json": "an array that breaks off",
    "array_without_commas.json": "an array without commas",
    "array_goes_on.json": "an array that goes on",
    "object_over_many_lines.json": "an object over many lines",
    "empty_array.json": "an empty array",
    "truncated.xlsx": "a workbook cut at 300",
    "encrypted_part.xlsx": "an encrypted part",
    "packed_by_lzma.xlsx": "packed by LZMA",
    "part_beyond_the_end.xlsx": "a part beyond the end",
    "wrong_checksum.xlsx": "a wrong checksum",
    "size_that_lies.xlsx": "a size that lies",
    "size_of_4_gb.xlsx": "a size of 4 GB",
    "part_twice.xlsx": "the same part twice",
    "no_workbook_part.xlsx": "no xl/workbook.xml",
    "cut_sheet.xlsx": "cut xl/worksheets/sheet1.xml",
    "rows_backwards.xlsx": "a sheet with rows backwards",
    "row_beyond_the_last.xlsx": "a sheet with row 1,048,577",
    "column_zzzz.xlsx": "a sheet with column ZZZZ",
    "missing_shared_text.xlsx": "a sheet with a missing shared text",
    "unknown_style.xlsx": "a sheet with a style there is not",
    "unknown_entity.xlsx": "a sheet with an unknown entity",
    "empty_sheet.xlsx": "an empty sheet",
    "hidden_sheet_first.xlsx": "another sheet first",
    "formula_never_calculated.xlsx": "a formula never calculated in column 1",
    "formula_with_empty_value.xlsx": "a formula with an empty value in column 2",
    "error_value.xlsx": "the error #REF! in column 2",
    "empty_cell.xlsx": "nothing in column 2",
    "nul_by_its_number.xlsx": "a NUL by its number in column 1",
    "merged_cells.xlsx": "merged cells",
    "cell_in_last_column.xlsx": "a cell in the last column",
}


@dataclass(frozen=True)
class Odd:
    """A file that is read in spite of what is odd about it.

    `rows` are all its rows as they are read; `says` is a part of its only notice, empty for none.
    """

    name: str
    content: bytes
    rows: tuple[tuple[str, ...], ...]
    says: str = ""

    def __str__(self) -> str:
        return self.name


TABLE = "content,answer\nWo ist es?,In Köln.\n"
ROWS = (("Wo ist es?", "In Köln."),)
HANGUL = "content,answer\n어디에 있습니까?,서울에 있습니다. 내일 아침에 만나요.\n"


def _numbers_and_dates() -> bytes:
    styles = styles_xml(["General", "dd.mm.yyyy", "0.0%", "#,##0.00", "@", "[h]:mm"])
    row = [
        ('s="1"', "<v>45657</v>"),
        ('s="2"', "<v>0.155</v>"),
        ('s="3"', "<v>1234.5</v>"),
        ('s="4" t="inlineStr"', "<is><t>00123</t></is>"),
        ('s="5"', "<v>1.5</v>"),
        ("", "<f>1+1</f><v>2</v>"),
        ('t="b"', "<v>1</v>"),
    ]
    return workbook([["content", "b", "c", "d", "e", "f", "g"], row], styles=styles)


def _with_link() -> bytes:
    """A workbook that refers to another one on the network, as copied formulas do."""
    parts = parts_of({"A": sheet_xml([["content", "answer"], ["a", "b"]])})
    relation = (
        f'<Relationship Id="rId9" Type="{OFFICE}/externalLinkPath" TargetMode="External" '
        'Target="http://169.254.169.254/latest/meta-data.xlsx"/></Relationships>'
    )
    rels = "xl/_rels/workbook.xml.rels"
    return packed({**parts, rels: parts[rels].replace("</Relationships>", relation)})


def _with_symlink() -> bytes:
    """A workbook with a link out of the archive beside its parts."""
    file = io.BytesIO(workbook([["content", "answer"], ["a", "b"]]))
    with zipfile.ZipFile(file, "a") as archive:
        link = zipfile.ZipInfo("xl/media/passwd")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return file.getvalue()


def _with_dimension(reference: str) -> bytes:
    xml = sheet_xml([["content", "answer"], ["a", "b"], ["c", "d"]])
    wrong = xml.replace("<sheetData>", f'<dimension ref="{reference}"/><sheetData>')
    return packed(parts_of({"A": wrong}))


def _hidden() -> bytes:
    rows = sheet_xml([["content", "answer"], ["a", "b"], ["c", "d"]])
    xml = rows.replace('<row r="3">', '<row r="3" hidden="1">')
    return packed(parts_of({"A": xml}))


def _strings_in_runs() -> bytes:
    """Shared texts in several fonts, with a reading in small letters beside (ruby)."""
    strings = (
        f'<sst xmlns="{MAIN}"><si><t>content</t></si><si><t>answer</t></si>'
        "<si><r><t>to</t></r><r><rPr><b/></rPr><t>gether</t></r></si>"
        '<si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh></si></sst>'
    )
    rows = [[('t="s"', f"<v>{number}</v>") for number in pair] for pair in ((0, 1), (2, 3))]
    return workbook(rows, strings=strings)


AB, CD = ("a", "b"), ("c", "d")
ODD = (
    Odd("one_row.csv", TABLE.encode(), ROWS),
    Odd(
        "byte_order_mark_and_crlf.csv", b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode(), ROWS
    ),
    Odd("line_ends_of_old_macs.csv", TABLE.replace("\n", "\r").encode(), ROWS),
    Odd("no_newline_at_the_end.csv", TABLE.rstrip("\n").encode(), ROWS),
    Odd("utf_16.csv", TABLE.replace(",", "\t").encode("utf-16"), ROWS),
    Odd("utf_32.csv", TABLE.encode("utf-32"), ROWS),
    Odd("windows_1252.csv", TABLE.replace(",", ";").encode("cp1252"), ROWS, "encoding was guessed"),
    Odd(
        "gb18030.csv",
        "分段内容,answer\n它在哪里？,在科隆的大教堂旁边。\n".encode("gb18030"),
        (("它在哪里？", "在科隆的大教堂旁边。"),),
        "encoding was guessed",
    ),
    Odd(
        "shift_jis.csv",
        "content,answer\nどこにありますか。,東京の駅の近くにあります。\n".encode("shift-jis"),
        (("どこにありますか。", "東京の駅の近くにあります。"),),
        "encoding was guessed",
    ),
    Odd("euc_kr.csv", HANGUL.encode("euc-kr"), (tuple(HANGUL.split("\n")[1].split(",")),), "guess"),
    Odd("semicolons.csv", TABLE.replace(",", ";").encode(), ROWS),
    Odd("delimiter_named.csv", ("sep=;\n" + TABLE.replace(",", ";")).encode(), ROWS),
    Odd("empty_rows.csv", f"{TABLE},\n,\n".encode(), ROWS, "skipped: line 3, 4"),
    Odd(
        "table_of_markdown.csv",
        b"|content|answer|\n|:--|--|\n|a|b|\n",
        (("", "a", "b", ""),),
        "line 2",
    ),
    Odd("tabs.csv", TABLE.replace(",", "\t").encode(), ROWS),
    Odd("bars.txt", TABLE.replace(",", "|").encode(), ROWS),
    Odd(
        "right_to_left.csv",
        "content,answer\nأين هو؟,\u200fבירושלים\u200e (Jerusalem)\n".encode(),
        (("أين هو؟", "\u200fבירושלים\u200e (Jerusalem)"),),
    ),
    Odd(
        "joined_characters.csv",
        "content,answer\n👩\u200d🔬?,e\u0301 क्\u200dष\n".encode(),
        (("👩\u200d🔬?", "e\u0301 क्\u200dष"),),
    ),
    Odd(
        "quoted_newlines.csv",
        b'content,answer\n"a\n\nb","x ""y"", z"\n',
        (("a\n\nb", 'x "y", z'),),
    ),
    Odd("like_formulas.csv", b"content,answer\n=1+1,@SUM(A1)\n", (("=1+1", "@SUM(A1)"),)),
    Odd("kept_as_text.csv", b"content,answer\n00123,NA\n", (("00123", "NA"),)),
    Odd("packed.csv.gz", gzip.compress(TABLE.encode(), mtime=0), ROWS),
    Odd("table_named.xlsx", TABLE.encode(), ROWS, "contains CSV data"),
    Odd(
        "workbook_named.csv",
        workbook([["content", "answer"], [*ROWS[0]]]),
        ROWS,
        "contains XLSX data",
    ),
    Odd("lines_named.csv", b'{"content": "a", "answer": "b"}\n', (AB,), "contains JSON Lines data"),
    Odd(
        "keys_in_any_order.json",
        b'[{"a": 1, "content": "x"}, {"content": "y"}]',
        (("1", "x"), ("", "y")),
    ),
    Odd(
        "numbers_and_dates.xlsx",
        _numbers_and_dates(),
        (("31.12.2024", "15.5%", "1,234.50", "00123", "36:00", "2", "TRUE"),),
    ),
    Odd("wrong_dimension.xlsx", _with_dimension("A1"), (AB, CD)),
    Odd("dimension_of_a_million.xlsx", _with_dimension("A1:XFD1048576"), (AB, CD)),
    Odd("external_link.xlsx", _with_link(), (AB,)),
    Odd("symbolic_link.xlsx", _with_symlink(), (AB,)),
    Odd("hidden_row.xlsx", _hidden(), (AB, CD), "hidden row"),
    Odd("texts_in_runs.xlsx", _strings_in_runs(), (("together", "東京"),)),
)


def made_files() -> dict[str, bytes]:
    """Path below `tests/files` → content."""
    hostile = {file.name: file for file in hostile_files()}
    made = {f"hostile/{name}": hostile[case].make() for name, case in HOSTILE.items()}
    return made | {f"odd/{odd.name}": odd.content for odd in ODD}


def main() -> None:
    """Write them all."""
    for path, content in made_files().items():
        assert len(content) <= LARGEST_BYTES, path
        file = FILES / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        sys.stdout.write(f"{len(content):>8,}  {path}\n")


if __name__ == "__main__":
    main()

"""Workbooks: what a person sees in the cells, under the row numbers a person sees."""

import io
import zipfile
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from segments.exceptions import (
    FileEmpty,
    FileMalformed,
    FileProtected,
    FileRefused,
    FileTooLarge,
    FormatUnknown,
    SheetNotFound,
)
from segments.files.options import ImportOptions
from segments.files.sheets import open_sheet
from segments.files.types import MAX_COLUMNS, FileFormat, RawRow, Sheet
from segments.files.xlsx.number_formats import display
from tests.workbooks import MAIN, packed, parts_of, sheet_xml, styles_xml, workbook


def opened(content: bytes, **options: object) -> Sheet:
    """The sheet of a workbook."""
    return open_sheet(io.BytesIO(content), "rows.xlsx", ImportOptions.from_fields(options))


def rows(content: bytes, **options: object) -> list[RawRow]:
    """All rows under the header."""
    return list(opened(content, **options).rows)


def shown(*cells: object, **options: str) -> tuple[str, ...]:
    """How one row of cells is shown."""
    row = list(cells)
    (found,) = rows(workbook([["x"] * len(row), row], **options))  # type: ignore[list-item]
    return found.cells


def test_rows_have_the_numbers_of_the_sheet_and_empty_ones_are_passed_over() -> None:
    content = workbook([["content", "answer"], [], ["a", "b"], [None, None], ["c"], ["", ""]])
    assert rows(content) == [RawRow(3, ("a", "b")), RawRow(5, ("c", ""))]


def test_texts_keep_their_zeros_and_numbers_lose_their_point() -> None:
    assert shown("00123", 7.0, 0.1 + 0.2, 1e21, -2.5, 123456789012345) == (
        *("00123", "7", "0.3", "1E+21", "-2.5", "123456789012345"),
    )


def test_truths_and_formulas_show_their_values() -> None:
    assert shown(
        True,
        False,
        ("", "<f>1+1</f><v>2</v>"),
        ('t="str"', "<f>A1&amp;B1</f><v>a &lt; b</v>"),
        ('t="d"', "<v>2024-12-31</v>"),
    ) == ("TRUE", "FALSE", "2", "a < b", "2024-12-31")


def test_a_formula_that_was_never_calculated_and_an_error_are_bad_cells() -> None:
    uncalculated, error = ("", "<f>SUM(A1)</f>"), ('t="e"', "<f>1/0</f><v>#DIV/0!</v>")
    (row,) = rows(workbook([["content", "answer"], [uncalculated, error]]))

    assert [(fault.place, fault.code) for fault in row.problems] == [
        (0, "formula_without_value"),
        (1, "error_value"),
    ]
    assert "#DIV/0!" in row.problems[1].reason


def test_shared_texts_join_their_runs_and_leave_out_how_to_pronounce_them() -> None:
    strings = (
        f'<sst xmlns="{MAIN}"><si><t>plain</t></si>'
        "<si><r><t>東</t></r><r><t xml:space='preserve'> 京</t></r><rPh><t>トウ</t></rPh></si>"
        "<si><t>a_x000D_b_x005F_c_xD83D__xDE00_</t></si><si/></sst>"
    )
    cells = [('t="s"', f"<v>{number}</v>") for number in range(4)]
    assert shown(*cells, strings=strings) == ("plain", "東 京", "a\rb_c😀", "")


@pytest.mark.parametrize("prefix", ["", "x:"])
def test_names_may_have_a_prefix(prefix: str) -> None:
    xml = (
        f"<{prefix}worksheet xmlns{':x' if prefix else ''}='{MAIN}'><{prefix}sheetData>"
        f"<{prefix}row><{prefix}c t='inlineStr'><{prefix}is><{prefix}t>content</{prefix}t>"
        f"</{prefix}is></{prefix}c></{prefix}row></{prefix}sheetData></{prefix}worksheet>"
    )
    assert opened(packed(parts_of({"A": xml}))).header == ("content",)


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        (0.155, "0.0%", "15.5%"),
        (1234567.891, "#,##0", "1,234,568"),
        (1234567.891, "#,##0.00", "1,234,567.89"),
        (-1234.5, "#,##0.00;[Red](#,##0.00)", "(1,234.50)"),
        (0, "0;-0;\\–", "–"),
        (123, "00000", "00123"),
        (1.5, "0.##", "1.5"),
        (1, "0.##", "1."),
        (1, "0.0#", "1.0"),
        (12.5, '#,##0.00 "€"', "12.50 €"),
        (12.5, "[$€-407]#,##0.00", "€12.50"),
        (-12.5, '"$"0.00', "-$12.50"),
        (1234567, "#,##0,", "1,235"),
        (0.000123, "0.00E+00", "1.23E-04"),
        (123456789, "000-00-0000", "123-45-6789"),
        (1234567890123, "000-00-0000", "1234567-89-0123"),
        (45657, "dd.mm.yyyy", "31.12.2024"),
        (45657, "d. mmmm yyyy", "31. December 2024"),
        (45657, "ddd d mmm yy", "Tue 31 Dec 24"),
        (45657.5208333333, "yyyy-mm-dd hh:mm", "2024-12-31 12:30"),
        (0.75, "h:mm AM/PM", "6:00 PM"),
        (1.5, "[h]:mm:ss", "36:00:00"),
        (0.000011574, "mm:ss.0", "00:01.0"),
        (59, "yyyy-mm-dd", "1900-02-28"),
        (61, "yyyy-mm-dd", "1900-03-01"),
        (-1, "yyyy-mm-dd", "-1"),
        (3e6, "yyyy-mm-dd", "3000000"),
        (0.5, "# ?/?", "0.5"),
        (5, "[>3]0.0;0", "5"),
        (5, "@", "5"),
        (5, "General", "5"),
        (5, '"items: "0', "items: 5"),
        (5, "", ""),
        (float("inf"), "0", "inf"),
    ],
)
def test_numbers_are_shown_in_their_format(number: float, code: str, text: str) -> None:
    assert display(number, code) == text


@given(st.floats(), st.text(st.sampled_from('0#?.,;%E+-_*\\"[]$€@ymdhsAMP/: x'), max_size=12))
def test_any_number_in_any_format_is_shown_somehow(number: float, code: str) -> None:
    assert isinstance(display(number, code), str)


def test_styles_decide_how_a_number_is_shown_and_1904_moves_dates() -> None:
    styles = styles_xml(["General", "dd.mm.yyyy", "0%"])
    cells = [('s="1"', "<v>1</v>"), ('s="2"', "<v>0.5</v>"), ("", "<v>1</v>")]
    assert shown(*cells, styles=styles) == ("01.01.1900", "50%", "1")
    moved = shown(*cells, styles=styles, properties='<workbookPr date1904="1"/>')
    assert moved[0] == "02.01.1904"


def test_the_first_visible_sheet_is_read_and_the_others_are_named() -> None:
    sheets = {name: sheet_xml([["content"], [name]]) for name in ("Notes", "FAQ", "Old")}
    content = packed(parts_of(sheets, hidden=["Notes"]))

    sheet = opened(content)
    assert [row.cells for row in sheet.rows] == [("FAQ",)]
    assert sheet.details.sheet == "FAQ"
    assert sheet.notices == [
        "The sheet “FAQ” was read; not read: “Notes” (hidden), “Old” (option sheet)."
    ]
    assert [row.cells for row in opened(content, sheet="notes ").rows] == [("Notes",)]
    with pytest.raises(SheetNotFound, match="Did you mean “FAQ”"):
        opened(content, sheet="FQA")


def test_hidden_rows_are_read_and_mentioned() -> None:
    xml = sheet_xml([["content"], ["a"], ["b"]]).replace('<row r="3">', '<row r="3" hidden="1">')
    sheet = opened(packed(parts_of({"A": xml})))
    assert len(list(sheet.rows)) == 2
    assert sheet.notices == ["1 hidden row was read too."]


def test_cells_merged_with_others_are_bad() -> None:
    after = '<mergeCells><mergeCell ref="A2:A3"/><mergeCell ref="B5:C5"/></mergeCells>'
    content = workbook(
        [["content", "answer", "keywords"], ["a", "1"], [None, "2"], ["c", "3"], ["d", "4"]],
        after=after,
    )
    faults = {row.line: [fault.reason for fault in row.problems] for row in rows(content)}
    assert faults == {
        2: [],
        3: ["The cell A3 is merged with A2. Unmerge and fill it."],
        4: [],
        5: ["The cell C5 is merged with B5. Unmerge and fill it."],
    }


def test_a_row_that_goes_far_to_the_right_is_bad_and_costs_nothing(settings: Settings) -> None:
    xml = sheet_xml([["content"], ["a"]]).replace(
        "</row></sheetData>", '<c r="XFD2"><v>1</v></c></row></sheetData>'
    )
    (row,) = rows(packed(parts_of({"A": xml})))
    assert row.problems[0].code == "row_too_wide"
    assert "column XFD" in row.problems[0].reason
    assert len(row.cells) == MAX_COLUMNS


def test_an_empty_sheet_is_refused_by_its_name() -> None:
    with pytest.raises(FileEmpty, match="“Sheet1” is empty"):
        opened(workbook([]))


LOL = '<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]>'
FETCH = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/sharedStrings.xml", "xl/styles.xml"])
@pytest.mark.parametrize("doctype", [LOL, FETCH, "<!DOCTYPE x>"], ids=["laughs", "fetch", "bare"])
def test_document_types_are_refused_in_every_part(part: str, doctype: str) -> None:
    parts = parts_of(
        {"A": sheet_xml([["content"], ["a"]])},
        styles=styles_xml(["0"]),
        strings=f'<sst xmlns="{MAIN}"/>',
    )
    parts[part] = doctype + parts[part]
    with pytest.raises(FileRefused, match="document type or an entity"):
        rows(packed(parts))


BAD_SHEETS = {
    "not well-formed": "<worksheet><sheetData><row>",
    "rows backwards": sheet_xml([["content"], ["a"]]).replace('<row r="2">', '<row r="1">'),
    "row 0": sheet_xml([["content"]]).replace('<row r="1">', '<row r="0">'),
    "row beyond the last": sheet_xml([["content"]]).replace('<row r="1">', '<row r="1048577">'),
    "row with a long number": sheet_xml([["content"]]).replace('r="1"', f'r="{"9" * 5_000}"'),
    "no row number": sheet_xml([["content"]]).replace('<row r="1">', '<row r="one">'),
    "cells backwards": sheet_xml([["content", "b"]]).replace('r="B1"', 'r="A1"'),
    "cell beyond the last column": sheet_xml([["content"]]).replace('r="A1"', 'r="ZZZ1"'),
    "no column": sheet_xml([["content"]]).replace('r="A1"', 'r="11"'),
    "no such shared text": sheet_xml([["content"], [('t="s"', "<v>5</v>")]]),
    "no such style": sheet_xml([["content"], [('s="77"', "<v>5</v>")]]),
    "no number": sheet_xml([["content"], [("", "<v>five</v>")]]),
    "a document type": LOL + sheet_xml([["content"], ["a"]]),
    "a tag of two megabytes": sheet_xml([["content"], [('x="' + "y" * 2_000_000 + '"', "")]]),
    "an unknown encoding": '<?xml version="1.0" encoding="no-such"?>' + sheet_xml([["content"]]),
}


@pytest.mark.parametrize("xml", BAD_SHEETS.values(), ids=BAD_SHEETS)
def test_a_sheet_that_makes_no_sense_is_refused(xml: str) -> None:
    with pytest.raises(FileMalformed, match=r"Line 1: after this row, the sheet is damaged"):
        rows(packed(parts_of({"A": xml})))


def test_a_part_that_is_missing_is_named() -> None:
    parts = parts_of({"A": sheet_xml([["content"]])})
    del parts["xl/worksheets/sheet1.xml"]
    with pytest.raises(FormatUnknown, match="save it as XLSX again"):
        opened(packed(parts))


@pytest.mark.parametrize("cut", [10, 100, 400, -30])
def test_a_file_that_breaks_off_is_refused(cut: int) -> None:
    with pytest.raises(FormatUnknown, match="is cut off"):
        opened(workbook([["content"], ["a"]])[:cut])


def test_a_damaged_part_is_refused() -> None:
    content = bytearray(workbook([["content"], *([f"text {number}"] for number in range(999))]))
    place = bytes(content).index(b"xl/worksheets/sheet1.xml") + 100
    content[place : place + 50] = b"\xff" * 50
    with pytest.raises(FileRefused):
        rows(bytes(content))


def test_macros_are_left_alone() -> None:
    parts: dict[str, str | bytes] = {**parts_of({"A": sheet_xml([["content"], ["a"]])})}
    with_macros = opened(packed(parts | {"xl/vbaProject.bin": b"x"}))
    assert (with_macros.details.format, len(list(with_macros.rows))) == (FileFormat.XLSM, 1)
    types = parts["[Content_Types].xml"]
    assert isinstance(types, str)
    main = '<Override ContentType="application/vnd.ms-excel.sheet.macroEnabled.main+xml"/></Types>'
    declared = opened(packed(parts | {"[Content_Types].xml": types.replace("</Types>", main)}))
    assert declared.details.format == FileFormat.XLSM


def test_an_encrypted_entry_is_refused() -> None:
    content = bytearray(workbook([["content"]]))
    directory = content.index(b"PK\x01\x02")
    content[directory + 8] |= 1
    with pytest.raises(FileProtected):
        opened(bytes(content))


def test_bombs_are_refused_before_they_are_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = packed(parts_of({"A": sheet_xml([["content"], ["a"]]) + " " * 30_000_000}))
    with pytest.raises(FileTooLarge, match="over 100 times as large"):
        opened(bomb)
    monkeypatch.setattr("segments.files.opened.MAX_UNPACKED_BYTES", 10_000_000)
    with pytest.raises(FileTooLarge, match="larger than 10,000,000 bytes"):
        opened(bomb)


def test_a_part_that_is_larger_than_the_directory_says_is_refused() -> None:
    content = bytearray(packed(parts_of({"A": sheet_xml([["content"], ["a"]]) + " " * 3_000_000})))
    entry = content.rindex(b"xl/worksheets/sheet1.xml") - 46
    content[entry + 24 : entry + 28] = (5_000).to_bytes(4, "little")
    with pytest.raises(FileRefused):
        rows(bytes(content))


def test_parts_that_are_there_twice_and_too_many_parts_are_refused() -> None:
    file = io.BytesIO(workbook([["content"]]))
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("xl/workbook.xml", "x")
    with pytest.raises(FormatUnknown, match="twice"):
        opened(file.getvalue())

    many = parts_of({"A": sheet_xml([["content"]])}) | {f"x{n}": "" for n in range(10_001)}
    with pytest.raises(FormatUnknown, match="parts"):
        opened(packed(many))


def test_a_wrong_dimension_tag_changes_nothing() -> None:
    xml = sheet_xml([["content"], ["a"], ["b"]])
    for claim in ("A1", "A1:XFD1048576", "B7:C9", "nonsense"):
        wrong = xml.replace("<sheetData>", f'<dimension ref="{claim}"/><sheetData>')
        assert len(rows(packed(parts_of({"A": wrong})))) == 2


def test_external_links_are_not_followed() -> None:
    parts = parts_of({"A": sheet_xml([["content"], ["a"]])})
    parts["xl/_rels/workbook.xml.rels"] = parts["xl/_rels/workbook.xml.rels"].replace(
        "<Relationship ",
        '<Relationship Id="rId9" Type="x/worksheet" TargetMode="External" '
        'Target="http://169.254.169.254/"/><Relationship ',
        1,
    )
    assert len(rows(packed(parts))) == 1


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=9)


@given(st.lists(st.lists(TEXTS.filter(lambda text: "_x" not in text), max_size=3), max_size=5))
def test_texts_come_back_as_they_were_written(table: list[list[str]]) -> None:
    content = workbook([["a", "b", "c"], *table])
    expected = [tuple(row + [""] * (3 - len(row))) for row in table if any(row)]
    assert [row.cells for row in rows(content)] == expected


def test_it_tells_how_much_of_the_file_is_read() -> None:
    rows = [["content"], *([f"{n} {n * n} {n**3}"] for n in range(20_000))]
    content = workbook(rows)
    sheet = opened(content)
    shares = [sheet.position() / len(content) for _ in islice(sheet.rows, None, None, 4_000)]

    assert shares == sorted(shares)
    assert 0 < shares[1] < 0.5 < shares[-1] <= 1

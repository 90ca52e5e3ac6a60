"""Tables written as files come back as they were, and no program takes a cell for a formula."""

import csv
import io
import json
from collections.abc import Iterator

import openpyxl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datasets.models import DocForm
from segments.exceptions import ExportRefused
from segments.files.columns import map_columns
from segments.files.options import ImportOptions
from segments.files.sheets import open_sheet
from segments.files.types import FileFormat, JSONCell
from segments.files.validation import Rules, validate
from segments.files.values import (
    FORMULA_STARTS,
    guarded,
    keywords_cell,
    keywords_of,
    metadata_of,
    unguarded,
)
from segments.files.writers import Table, cell_text, table_bytes
from segments.services.exports import TEMPLATE_FORMATS, template

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
HARD = st.sampled_from(
    ["=1+1", "'=1", "+", "-x", "@", "\t", "\r", "\n", "'", "_x000D_", "<r>a</r>"]
)
FILLED = st.one_of(TEXT, HARD).filter(lambda text: bool(text) and not text.isspace())
LIMIT = 100_000
KINDS = [FileFormat.CSV, FileFormat.XLSX, FileFormat.JSONL, FileFormat.JSON]


def written(table: Table, kind: FileFormat) -> bytes:
    """The whole file."""
    return b"".join(table_bytes(table, kind))


@pytest.mark.parametrize("kind", KINDS)
@given(rows=st.lists(st.tuples(FILLED, FILLED), min_size=1, max_size=5))
@example(rows=[("\ufeffx", "x\x85\u2028"), ("a\r\nb\rc", " x "), ("_x0041_", "]]>&<\ufffe\x01")])
def test_texts_come_back_as_they_were(rows: list[tuple[str, str]], kind: FileFormat) -> None:
    content = written(Table(["content", "answer"], lambda: rows), kind)
    sheet = open_sheet(io.BytesIO(content), f"rows.{kind}")
    rules = Rules(map_columns(sheet.header, 1, DocForm.QA), LIMIT)

    found = [validate(raw, rules) for raw in sheet.rows]
    assert [(row.content, row.answer) for row in found if not isinstance(row, list)] == rows


@given(TEXT | HARD)
def test_guarding_is_undone_and_leaves_no_formula(cell: str) -> None:
    assert not guarded(cell).startswith(FORMULA_STARTS)
    if guarded(cell) != cell:
        assert unguarded(guarded(cell)) == cell


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_no_cell_of_a_csv_begins_a_formula(start: str) -> None:
    content = written(Table(["content"], lambda: [[f"{start}cmd"]]), FileFormat.CSV)
    header, row = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert header == ["content", "escaped"]
    assert row == [f"'{start}cmd", "content"]


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x.example","y")', "@SUM(1)", "-a,b"])
def test_no_name_in_a_header_begins_a_formula_and_all_come_back(name: str) -> None:
    rows = [["plain", "x"], ["=1", "+2"]]
    table = Table(["content", name], lambda: rows, keeps_shape=True)
    content = written(table, FileFormat.CSV)

    lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert not [cell for line in lines for cell in line if cell.startswith(FORMULA_STARTS)]

    sheet = open_sheet(io.BytesIO(content), "rows.csv")
    assert sheet.header == ("content", name, "escaped")
    columns = map_columns(
        sheet.header, 1, DocForm.TEXT, ImportOptions.from_fields({"map": {"keywords": name}})
    )
    found = [validate(raw, Rules(columns, LIMIT)) for raw in sheet.rows]
    kept = [(row.content, row.keywords) for row in found if not isinstance(row, list)]
    assert kept == [("plain", ["x"]), ("=1", ["+2"])]


def test_an_apostrophe_is_taken_away_only_where_the_row_says_so() -> None:
    text = "content,escaped\n'=1,\n'=1,content\n'tis,content\n'=1,answer\n"
    sheet = open_sheet(io.BytesIO(text.encode()), "rows.csv")
    rules = Rules(map_columns(sheet.header, 1, DocForm.TEXT), LIMIT)
    found = [validate(raw, rules) for raw in sheet.rows]
    contents = [row.content for row in found if not isinstance(row, list)]
    assert contents == ["'=1", "=1", "'tis", "'=1"]


def test_cells_of_a_workbook_are_texts_for_others_too() -> None:
    rows = [["=1+1", "00123"], ["<r>a</r>", "a\nb"]]
    content = written(Table(["content", "n"], lambda: rows), FileFormat.XLSX)
    page = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    assert [[cell.value for cell in row] for row in page.iter_rows(min_row=2)] == rows
    assert {cell.data_type for row in page.iter_rows() for cell in row} == {"s"}
    assert {cell.quotePrefix for row in page.iter_rows() for cell in row} == {True}


def test_a_text_that_no_cell_holds_is_refused_with_its_row() -> None:
    rows = [["short"], ["😀" * 16_384]]
    with pytest.raises(ExportRefused, match=r"Row 3 has a text of 16,384 characters"):
        written(Table(["content"], lambda: rows), FileFormat.XLSX)


def test_a_large_table_comes_in_portions() -> None:
    def rows() -> Iterator[list[str]]:
        for number in range(20_000):
            yield [f"{number} {number * 7919 % 104_729}"]

    for kind in KINDS:
        portions = list(table_bytes(Table(["content"], rows), kind))
        assert len(portions) > 1
        sheet = open_sheet(io.BytesIO(b"".join(portions)), f"rows.{kind}")
        assert sum(1 for _ in sheet.rows) == 20_000


@given(st.lists(TEXT | HARD, max_size=4))
@example([])
@example(["a", "a"])
@example(["[x]"])
@example([" x", ","])
def test_keywords_come_back_as_they_were(words: list[str]) -> None:
    assert keywords_of(keywords_cell(words)) == words


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, JSON, max_size=3))
def test_metadata_comes_back_as_it_was(metadata: dict[str, object]) -> None:
    assert metadata_of(cell_text(metadata)) == metadata  # type: ignore[arg-type]
    assert metadata_of(JSONCell(json.dumps(metadata), metadata)) == metadata  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "cell",
    ["x", "[]", '{"a": NaN}', '{"a": "\\u0000"}', '{"a": "\\ud800"}', '{"a": 1e999}', "{" * 9_999],
)
def test_metadata_that_cannot_be_stored_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        metadata_of(cell)


@pytest.mark.parametrize("kind", TEMPLATE_FORMATS)
@pytest.mark.parametrize("form", DocForm)
def test_a_template_can_be_imported_as_it_is(form: DocForm, kind: FileFormat) -> None:
    sheet = open_sheet(io.BytesIO(b"".join(template(form, kind))), f"template.{kind}")
    columns = map_columns(sheet.header, 1, form)
    (row,) = [validate(raw, Rules(columns, LIMIT)) for raw in sheet.rows]
    assert not isinstance(row, list)
    assert columns.unknown == ()
    assert (row.keywords, row.metadata) == (["warranty", "guarantee"], {"page": "7"})

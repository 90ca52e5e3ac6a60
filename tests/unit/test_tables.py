"""Tables as people keep them are read as they are meant, and what was guessed is said."""

import io

import pytest

from segments.exceptions import HeaderRefused, OptionRefused, SheetNotFound
from segments.files.columns import Columns, columns_in, guess_doc_form, map_columns
from segments.files.options import ImportOptions
from segments.files.sheets import open_sheet
from segments.files.types import RowProblem, SegmentRow, Sheet
from segments.files.validation import MAX_CELL_CHARS, Rules, validate
from tests.tables import NEAR_NAMES, Kept, kept_files, text
from tests.workbooks import workbook

FILES = list(kept_files())


def looked_at(content: bytes, name: str = "a", **told: object) -> tuple[Sheet, Columns]:
    """An opened file and its columns, for the kind of document that suits it."""
    options = ImportOptions.from_fields(told)
    sheet = open_sheet(io.BytesIO(content), name, options)
    form = guess_doc_form(sheet.header, options, sheet.sample)
    return sheet, columns_in(sheet, form, options)


def rows(content: bytes, name: str = "a", **told: object) -> list[SegmentRow | list[RowProblem]]:
    """Every row, checked."""
    sheet, columns = looked_at(content, name, **told)
    return [validate(raw, Rules(columns, MAX_CELL_CHARS)) for raw in sheet.rows]


@pytest.mark.parametrize("kept", FILES, ids=str)
def test_a_table_is_read_as_it_is_meant(kept: Kept) -> None:
    found = rows(kept.content, kept.name, **kept.options)

    good = [row for row in found if isinstance(row, SegmentRow)]
    assert [(row.content, row.answer) for row in good] == list(kept.pairs)
    assert len(good) == len(found)
    assert good[0].line == kept.line


@pytest.mark.parametrize(("header", "row"), NEAR_NAMES)
def test_names_are_recognised_in_many_languages_and_nearly_right(header: str, row: str) -> None:
    (found,) = rows(f"{header}\n{row}\n".encode())

    assert isinstance(found, SegmentRow)
    assert found.content == "A?"
    assert found.answer in ("b", "ein langer Hinweis")


def test_each_row_of_several_sheets_remembers_its_sheet() -> None:
    (all_sheets,) = (kept for kept in FILES if kept.name == "all.xlsx")
    found = rows(all_sheets.content, sheet="all")

    assert [row.metadata["sheet"] for row in found if isinstance(row, SegmentRow)] == ["A", "B"]
    with pytest.raises(SheetNotFound, match=r"Did you mean|The file has “A”, “B”, “C”"):
        rows(all_sheets.content, sheet=["A", "Bb"])


def test_what_was_guessed_or_left_out_is_said() -> None:
    sheet, columns = looked_at(text("Export", "", "Questoin,Anwser", "A?,b").encode())
    assert sheet.notices == ["The header was found in row 3; left out above it: “Export”."]
    assert columns.guesses == (
        "“Anwser” was taken for the answer.",
        "“Questoin” was taken for the question.",
    )


@pytest.mark.parametrize(
    "content",
    [
        "Where is it?,In Ulm.\nWhat is it?,A tower.\n",
        "question,remark\nWhen are you open?,Nine to five.\n",
        "12,13\n14,15\n",
    ],
)
def test_what_is_no_header_is_not_taken_for_one(content: str) -> None:
    sheet = open_sheet(io.BytesIO(content.encode()), "a.csv")
    with pytest.raises(HeaderRefused):
        columns_in(sheet, "qa_model", ImportOptions())


def test_a_row_that_does_not_exist_is_no_header() -> None:
    with pytest.raises(HeaderRefused, match="row 9, which is empty or does not exist"):
        rows(b"question,answer\na,b\n", header_row="9")
    with pytest.raises(OptionRefused, match="header_row"):
        rows(b"question,answer\na,b\n", header_row="first")


def test_a_chosen_answer_is_not_dropped_for_passages() -> None:
    options = ImportOptions.from_fields({"map": ["content=a", "answer=b"]})
    with pytest.raises(HeaderRefused, match="holds passages"):
        map_columns(["a", "b"], 1, "text_model", options)


def test_a_template_names_columns_that_exist() -> None:
    with pytest.raises(OptionRefused, match=r"Did you mean \{Price\}"):
        rows(b"Name,Price\na,1\n", template="{Prise}")
    with pytest.raises(OptionRefused, match="stands alone"):
        rows(b"Name,Price\na,1\n", template="{Name} }")


def test_a_cell_beyond_the_header_gets_advice_for_a_workbook() -> None:
    (found,) = rows(workbook([["question", "answer"], ["A?", "b", None, "c"]]))
    assert isinstance(found, list)
    assert "column D is beyond the header, which ends in column B" in found[0].reason
    assert "quotes" not in found[0].reason

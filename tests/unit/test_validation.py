"""The rules about one row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.models import DocForm
from segments.files.columns import map_columns
from segments.files.types import CellError, RawRow, SegmentRow
from segments.files.validation import Rules, validate

HEADER = ["content", "answer", "keywords", "external_id", "enabled", "metadata.topic", "other"]
RULES = Rules(map_columns(HEADER, 1, DocForm.QA), max_cell_chars=20)
GOOD = {"content": "Why?", "answer": "So."}


def check(**cells: str) -> SegmentRow | list[tuple[str, str]]:
    """The segment of a row of these cells, or the column and code of each problem."""
    row = RawRow(2, tuple(cells.get(name.removeprefix("metadata."), "") for name in HEADER))
    found = validate(row, RULES)
    if isinstance(found, list):
        assert all(problem.line == 2 and problem.cells == row.cells for problem in found)
        return [(problem.column, problem.code) for problem in found]
    return found


def segment(**cells: str) -> SegmentRow:
    found = check(**(GOOD | cells))
    assert isinstance(found, SegmentRow)
    return found


def test_a_plain_row_becomes_a_segment() -> None:
    assert segment() == SegmentRow(2, "Why?", "So.", None, None, {}, True)


def test_texts_stay_as_they_are() -> None:
    assert segment(content=" 00123\n", answer="NA").content == " 00123\n"
    assert segment(answer="\tNA ").answer == "\tNA "


@pytest.mark.parametrize(
    ("cell", "keywords"),
    [
        ("", None),
        (" , ;", None),
        ("a", ["a"]),
        ("a, b;c；d，a", ["a", "b", "c", "d"]),
        ("two words,x", ["two words", "x"]),
    ],
)
def test_keywords_are_separated_and_each_is_kept_once(
    cell: str, keywords: list[str] | None
) -> None:
    assert segment(keywords=cell).keywords == keywords


@pytest.mark.parametrize(
    ("cell", "enabled"),
    [
        *(("", True), ("True", True), (" YES ", True), ("1", True), ("no", False), ("OFF", False)),
        *(("WAHR", True), ("Sí", True), ("是", True), ("FALSCH", False), ("Non", False)),
    ],
)
def test_enabled_is_read_from_the_usual_words(cell: str, enabled: bool) -> None:
    assert segment(enabled=cell).enabled is enabled


def test_metadata_and_external_id_are_kept_when_there_is_something() -> None:
    row = segment(topic=" x ", external_id=" a1 ")
    assert (row.metadata, row.external_id) == ({"topic": " x "}, "a1")
    assert segment(external_id="  ").external_id is None


@pytest.mark.parametrize(
    ("cells", "problems"),
    [
        ({"content": ""}, [("content", "blank_cell")]),
        ({"content": " \u3000\x85\u2028"}, [("content", "blank_cell")]),
        ({"answer": "\n"}, [("answer", "blank_cell")]),
        ({"content": "x" * 21}, [("content", "cell_too_long")]),
        ({"other": "x" * 21}, [("other", "cell_too_long")]),
        ({"answer": "a\0b"}, [("answer", "nul_character")]),
        ({"content": "half \ud83d"}, [("content", "broken_character")]),
        ({"keywords": "\udfff"}, [("keywords", "broken_character")]),
        ({"enabled": "maybe"}, [("enabled", "unclear_switch")]),
        (
            {"content": " ", "answer": "\0", "enabled": "?"},
            [("answer", "nul_character"), ("content", "blank_cell"), ("enabled", "unclear_switch")],
        ),
    ],
)
def test_a_bad_row_is_told_all_that_is_wrong_with_it(
    cells: dict[str, str], problems: list[tuple[str, str]]
) -> None:
    assert check(**(GOOD | cells)) == problems


def test_whole_characters_beyond_the_first_plane_are_fine() -> None:
    assert segment(content="😀 👩‍👧").content == "😀 👩‍👧"


def test_an_external_id_has_255_characters_at_most() -> None:
    rules = Rules(RULES.columns, max_cell_chars=1_000)
    for length, ok in ((255, True), (256, False)):
        row = RawRow(2, ("Why?", "So.", "", "x" * length, "", "", ""))
        assert isinstance(validate(row, rules), SegmentRow) is ok


@pytest.mark.parametrize("count", [6, 8])
def test_a_ragged_row_says_how_many_cells_it_has(count: int) -> None:
    found = validate(RawRow(9, ("x",) * count), RULES)
    assert isinstance(found, list)
    assert [problem.code for problem in found] == ["ragged_row"]
    assert f"{count} cells, the header has 7" in found[0].reason


def test_cells_that_a_spreadsheet_adds_or_leaves_out_beside_a_table_do_not_matter() -> None:
    rules = Rules(map_columns(["content", "answer", "", ""], 1, DocForm.QA), 20)
    for cells in (("a", "b"), ("a", "b", ""), ("a", "b", "", "", "", "")):
        found = validate(RawRow(2, cells), rules)
        assert isinstance(found, SegmentRow), found
        assert (found.content, found.answer) == ("a", "b")
    for bad in (("a",), ("a", "b", "", "", "x")):
        assert isinstance(validate(RawRow(2, tuple(bad)), rules), list)


@given(st.lists(st.text(st.characters(), max_size=25), min_size=7, max_size=7))
def test_any_row_is_a_segment_that_can_be_stored_or_a_list_of_problems(cells: list[str]) -> None:
    found = validate(RawRow(2, tuple(cells)), RULES)
    if isinstance(found, list):
        assert found
        assert all(problem.reason.rstrip().endswith(".") for problem in found)
        return
    kept = [found.content, found.answer or "", found.external_id or "", *found.metadata.values()]
    stored = "".join(map(str, [*kept, *(found.keywords or [])]))
    assert "\0" not in stored
    assert stored.encode()
    assert found.content.strip()


def test_a_fault_in_a_column_that_is_not_used_does_not_matter() -> None:
    cells = ("a", "b", "", "", "", "", "")
    for place, is_bad in ((0, True), (5, True), (6, False), (9, True), (None, True)):
        fault = CellError(place, "", "merged_cell", "Unmerge it.")
        found = validate(RawRow(2, cells, (fault,)), RULES)
        assert isinstance(found, list) is is_bad, place

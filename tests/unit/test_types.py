"""The values between the steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segments.files.types import SHOWN_CHARS, RowProblem, shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ("NUL\0", "NUL␀"),
        ("two\nlines", "two␊lines"),
        ("\x1b[31mred\x7f", "␛[31mred␡"),
        ("half \ud83d", "half ?"),
        ("x" * SHOWN_CHARS, "x" * SHOWN_CHARS),
        ("x" * (SHOWN_CHARS + 1), "x" * SHOWN_CHARS + "…"),
    ],
)
def test_a_shown_value_is_short_and_harmless(value: str, expected: str) -> None:
    assert shown(value) == expected


@given(st.text(st.characters()))
def test_any_value_can_be_shown(value: str) -> None:
    assert "\0" not in shown(value)
    assert len(shown(value).encode()) <= 4 * SHOWN_CHARS + 3


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("answer", "x", "line 3, column “answer” ('x'): Fix it."),
        ("", "x", "line 3 ('x'): Fix it."),
        ("answer", "", "line 3, column “answer”: Fix it."),
    ],
)
def test_a_problem_says_where_it_is(column: str, value: str, expected: str) -> None:
    assert str(RowProblem(3, column, value, "code", "Fix it.")) == expected

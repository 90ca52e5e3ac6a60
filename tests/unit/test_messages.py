"""Sentences that are put together read as one would say them."""

import pytest

from datasets.exceptions import DatasetNotFound
from segments.exceptions import RowsRefused


@pytest.mark.parametrize(
    ("failed", "total", "says"),
    [
        (1, 1, "1 of 1 row is bad"),
        (1, 2, "1 of 2 rows is bad"),
        (2, 2_000, "2 of 2,000 rows are bad"),
    ],
)
def test_bad_rows_are_counted_in_english(failed: int, total: int, says: str) -> None:
    assert str(RowsRefused(failed, total, "line 2.")).startswith(f"{says}, so nothing")


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ([], "There is no dataset “faq”."),
        (["faqs"], "There is no dataset “faq”. Did you mean “faqs”?"),
        (["x", "y"], "There is no dataset “faq”. Known names: “x”, “y”."),
        (list("uvwxyz"), "There is no dataset “faq”. Known names: “u”, “v”, “w”, “x”, “y” …"),
    ],
)
def test_an_unknown_name_is_answered_with_known_ones(known: list[str], says: str) -> None:
    assert str(DatasetNotFound("faq", known)) == says

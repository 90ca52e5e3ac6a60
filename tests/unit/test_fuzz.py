"""A few hundred damaged files for each parser; `make fuzz` runs 50,000."""

import pytest

from tests.fuzz import PARSERS, run

COUNT = 300


@pytest.mark.parametrize("parser", PARSERS)
def test_damaged_files_give_rows_or_a_refusal(parser: str) -> None:
    read = run(parser, 0, COUNT)
    assert 0 < read < COUNT  # both happen, or the inputs are no good

"""Odd workbooks and texts are read right or refused in words; none is silently read wrong."""

from tests.odd_files import judged, odd_file

# `python -m tests.odd_files` reads as many as are wanted.
FILES = 200
MOST_REFUSED = 2


def test_no_odd_file_is_read_wrong() -> None:
    verdicts = [judged(odd_file(number)) for number in range(FILES)]
    wrong = [each for each in verdicts if not each.is_right and not each.is_refused]
    assert not wrong, [(each.odd.oddities, each.why) for each in wrong[:5]]
    refused = [(each.odd.oddities, each.why) for each in verdicts if each.is_refused]
    assert len(refused) <= MOST_REFUSED, refused

"""Garbage is looked for seldom while an import runs, and as before afterwards."""

import gc

import pytest

from segments.importing.garbage import OBJECTS_BETWEEN_LOOKS, seldom_collected


def test_looks_are_seldom_within_and_as_before_afterwards() -> None:
    before = gc.get_threshold()

    with pytest.raises(ZeroDivisionError), seldom_collected():
        assert gc.get_threshold() == (OBJECTS_BETWEEN_LOOKS, *before[1:])
        raise ZeroDivisionError

    assert gc.get_threshold() == before

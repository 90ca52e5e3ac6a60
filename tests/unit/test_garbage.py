"""Garbage is looked for seldom while an import runs, and as before afterwards."""

import gc

from segments.imports.runner import OBJECTS_BETWEEN_LOOKS, seldom_collected


def test_looks_are_seldom_within_and_as_before_afterwards() -> None:
    before = gc.get_threshold()

    with seldom_collected():
        within = gc.get_threshold()

    assert within == (OBJECTS_BETWEEN_LOOKS, *before[1:])
    assert gc.get_threshold() == before

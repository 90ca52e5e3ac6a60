"""Garbage is looked for seldom while an import runs, and as before afterwards."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from segments.imports.runner import OBJECTS_BETWEEN_LOOKS, seldom_collected

OBJECTS = 4 * OBJECTS_BETWEEN_LOOKS


@contextmanager
def looks() -> Iterator[list[str]]:
    """What the collector begins within the block, a phase each."""
    seen: list[str] = []

    def note(phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            seen.append(phase)

    gc.collect()
    gc.callbacks.append(note)
    try:
        yield seen
    finally:
        gc.callbacks.remove(note)


def test_looks_are_seldom_within_and_as_before_afterwards() -> None:
    with looks() as usual:
        kept = [[number] for number in range(OBJECTS)]
    with looks() as within, seldom_collected():
        kept = [[number] for number in range(OBJECTS)]
    with looks() as afterwards:
        kept = [[number] for number in range(OBJECTS)]

    assert len(kept) == OBJECTS
    assert 1 <= len(within) <= OBJECTS / OBJECTS_BETWEEN_LOOKS + 1
    assert len(usual) > 10 * len(within)
    assert len(afterwards) > 10 * len(within)


def test_an_error_brings_back_what_was_before() -> None:
    before = gc.get_threshold()

    with pytest.raises(KeyError), seldom_collected():
        raise KeyError

    assert gc.get_threshold() == before


def test_the_last_of_several_threads_brings_back_what_was_before() -> None:
    before = gc.get_threshold()
    first, second = seldom_collected(), seldom_collected()

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] == OBJECTS_BETWEEN_LOOKS
    second.__exit__(None, None, None)

    assert gc.get_threshold() == before


def test_an_installation_that_looks_less_often_still_is_left_alone() -> None:
    before = gc.get_threshold()
    gc.set_threshold(OBJECTS, *before[1:])
    try:
        with seldom_collected():
            assert gc.get_threshold()[0] == OBJECTS
    finally:
        gc.set_threshold(*before)

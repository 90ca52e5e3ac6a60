"""Over 200 hostile or odd files, made by number and rule: what each is, and what has to be said."""

from collections.abc import Iterator

from tests.hostile import archives, bombs, foreign, objects, sheets, tables, texts
from tests.hostile.case import Hostile

__all__ = ["Hostile", "hostile_files"]


def hostile_files() -> Iterator[Hostile]:
    """All of them, each under a name of its own."""
    for room in (foreign, bombs, texts, tables, objects, archives, sheets):
        yield from room.files()

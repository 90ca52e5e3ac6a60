"""What JSON arrays and JSON Lines have in common: objects that become rows of a table.

The header is every key of any object, in the order of its first appearance, so the file is read
twice: objects need not all have the same keys, and none may be dropped unseen.
"""

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, NamedTuple

from django.conf import settings

from segments.exceptions import FileEmpty
from segments.importing.formats.opened import OpenedFile
from segments.importing.types import CellProblem, JSONCell, RawRow, Sheet, Source

MEND = 'Write one as {"content": "…"}, with the names of the columns as keys.'
# An object longer than this is no row but a file that went wrong.
LONGEST_OBJECT_CHARS = 16 * 1024 * 1024


class Element(NamedTuple):
    """An object with its place in the file; or a text that is none, with its fault."""

    line: int
    object: Mapping[str, Any] | None
    text: str = ""
    fault: str = ""


class WrittenFloat(float):
    """A number that remembers how it was written: a text cell shows 1.10 as 1.10."""

    text: str

    def __new__(cls, text: str) -> "WrittenFloat":
        """The number of which `text` is the JSON."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key “{twice}” stands twice in one object")
    return found


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=WrittenFloat, parse_constant=_no_number
)


def kind_of(value: Any) -> str:
    """What a value that is no object is, in words."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "a text"
    return "null" if value is None else "a number, true or false"


def sheet_of_objects(
    elements: Callable[[], Iterator[Element]], source: Source, opened: OpenedFile
) -> Sheet:
    """The sheet of the objects that `elements` reads from the beginning, whenever it is called.

    Raises:
        FileEmpty: there are none.
        FileRefused: the text breaks off or is no JSON.
    """
    header, count = _header(elements())
    if not count:
        raise FileEmpty(f"{opened.name} has no objects in it. Put one in for each segment.")
    return Sheet(tuple(header), 1, _rows(elements(), header), opened.position, source)


def _header(elements: Iterator[Element]) -> tuple[list[str], int]:
    """Every key, and how many elements there are; it stops when there are too many keys."""
    keys: dict[str, None] = {}
    count = 0
    for element in elements:
        count += 1
        if element.object is not None:
            keys.update(dict.fromkeys(element.object))
        if len(keys) > settings.SEGMILL_MAX_COLUMNS:
            break
    return list(keys), count


def _rows(elements: Iterator[Element], header: list[str]) -> Generator[RawRow]:
    for element in elements:
        if element.object is None:
            problem = CellProblem(
                None, element.text, "bad_json", f"This is no JSON object: {element.fault}. {MEND}"
            )
            yield RawRow(element.line, (element.text,), (problem,))
        else:
            get = element.object.get
            yield RawRow(element.line, tuple(_cell(get(key)) for key in header))


def _cell(value: Any) -> str:
    """A text as it is; anything else as JSON writes it, along with the value."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, WrittenFloat):
        return JSONCell(value.text, value)
    return JSONCell(json.dumps(value, ensure_ascii=False), value)

"""JSON arrays and JSON Lines: objects that become rows, read one at a time.

Arrays by hand rather than by ijson 3.6: that reads them 2.3 times as fast, but names no line of an
error, accepts a key that appears twice, forgets how a number was written, and puts a question mark
for half a character where a row has to be refused.
"""

import io
import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import Any, NamedTuple

from segments.exceptions import FileEmpty, FileMalformed, FormatUnknown
from segments.files.csv import numbered_lines, text_of
from segments.files.encodings import LineCounter
from segments.files.header import ROWS_LOOKED_AT
from segments.files.names import PART_OF, folded
from segments.files.opened import OpenedFile
from segments.files.types import (
    MAX_COLUMNS,
    CellError,
    FileDetails,
    FileFormat,
    JSONCell,
    RawRow,
    Sheet,
    shown,
)

REMEDY = 'Write one as {"content": "…"}, with the names of the columns as keys.'
# An object longer than this is not a row, but a broken file.
LONGEST_OBJECT_CHARS = 16 * 1024 * 1024


class Element(NamedTuple):
    """An object with its place in the file; or a text that is not an object, and why."""

    line: int
    object: Mapping[str, Any] | None
    text: str = ""
    fault: str = ""


class WrittenFloat(float):
    """A number that remembers how it was written: 1.10 in a text cell stays 1.10."""

    text: str

    def __new__(cls, text: str) -> "WrittenFloat":
        """The number that `text` is in JSON."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key “{twice}” appears twice in one object")
    return found


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=WrittenFloat, parse_constant=_no_number
)


def kind_of(value: Any) -> str:
    """What a value that is not an object is, in words."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "a text"
    return "null" if value is None else "a number, true or false"


def sheet_of_objects(
    elements: Callable[[], Iterator[Element]], details: FileDetails, opened: OpenedFile
) -> Sheet:
    """The sheet of the objects; every call of `elements` reads them from the beginning.

    Raises:
        FileEmpty: there are none.
        FileRefused: the text breaks off or is not JSON.
    """
    header, count = _header(elements())
    if not count:
        raise FileEmpty(f"{opened.name} contains no objects. Add one for each segment.")
    with closing(_rows(elements(), header)) as rows:
        sample = tuple(islice(rows, ROWS_LOOKED_AT))
    rows = _rows(elements(), header)
    return Sheet(tuple(header), 1, rows, opened.position, details, sample=sample)


def _header(elements: Iterator[Element]) -> tuple[list[str], int]:
    """Every key, and the number of elements; stops when there are too many keys."""
    keys: dict[str, None] = {}
    count = 0
    for element in elements:
        count += 1
        if element.object is not None:
            keys.update(dict.fromkeys(element.object))
        if len(keys) > MAX_COLUMNS:
            break
    return list(keys), count


def _rows(elements: Iterator[Element], header: list[str]) -> Generator[RawRow]:
    for element in elements:
        if element.object is None:
            problem = CellError(
                None,
                element.text,
                "bad_json",
                f"This is not a JSON object: {element.fault}. {REMEDY}",
            )
            yield RawRow(element.line, (element.text,), (problem,))
        else:
            get = element.object.get
            yield RawRow(element.line, tuple(cell_of(get(key)) for key in header))


def cell_of(value: Any) -> str:
    """A text unchanged; anything else as JSON writes it, along with the value."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, WrittenFloat):
        return JSONCell(value.text, value)
    return JSONCell(json.dumps(value, ensure_ascii=False), value)


class JSONLinesReader:
    """Text whose first line begins with a brace."""

    def recognises(self, opened: OpenedFile) -> bool:
        """By the brace: no header of a table begins with one."""
        return opened.text_start.lstrip("\ufeff \t\r\n").startswith("{")

    def open(self, opened: OpenedFile) -> Sheet:
        """The sheet of the objects.

        Raises:
            FormatUnknown: it is one object over many lines, or an object that contains the objects.
            FileMalformed: a line is not in the file's encoding, or absurdly long.
        """
        first = opened.text_start.lstrip("\ufeff \t\r\n").partition("\n")[0]
        if first.strip() in ("{", "{}"):
            raise FormatUnknown(
                f"{opened.name} is one JSON object over many lines. Write one object per line, or "
                "put the objects into an array."
            )
        _refuse_wrapped(opened.name, first)
        details = FileDetails(FileFormat.JSONL, encoding=opened.encoding.name)
        return sheet_of_objects(lambda: _elements_of_lines(opened), details, opened)


def _refuse_wrapped(name: str, first: str) -> None:
    """Refuse an object that contains the objects, as answers of web services do.

    Raises:
        FormatUnknown: the text names the key they are under.
    """
    found = _element(1, first.strip()).object or {}
    if any(folded(key) in PART_OF for key in found):
        return
    for key, value in found.items():
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            raise FormatUnknown(
                f"{name} has its objects in a list under the key “{shown(key)}”. Save that list "
                "alone: [{…}, {…}]."
            )


def _elements_of_lines(opened: OpenedFile) -> Iterator[Element]:
    for number, line in numbered_lines(opened, LONGEST_OBJECT_CHARS):
        text = line.strip()
        if text:
            yield _element(number, text)


def _element(number: int, text: str) -> Element:
    try:
        found = DECODER.decode(text)
    except RecursionError:
        return Element(number, None, text, "it is nested too deeply")
    except ValueError as error:
        return Element(number, None, text, str(error))
    if not isinstance(found, dict):
        return Element(number, None, text, f"it is {kind_of(found)}")
    return Element(number, found)


BLOCK_CHARS = 64 * 1024
# An error this near the end of the text read so far may be a word or number that continues.
LONGEST_WORD = 32
BLANKS = " \t\r\n\ufeff"
AGAIN = "Write the file again: [{…}, {…}]."


class JSONArrayReader:
    """Text that begins with a bracket and a brace."""

    def recognises(self, opened: OpenedFile) -> bool:
        """By an array that is empty or has objects; a table may begin with a bracket too."""
        start = opened.text_start.lstrip(BLANKS)
        if opened.name.lower().endswith(".json") and start.startswith("["):
            return True
        return start.startswith("[") and start[1:].lstrip(BLANKS)[:1] in ("{", "]")

    def open(self, opened: OpenedFile) -> Sheet:
        """The sheet of the objects; the line of a row is the number of its element.

        Raises:
            FileMalformed: the text breaks off or is not JSON.
        """
        details = FileDetails(FileFormat.JSON, encoding=opened.encoding.name)
        return sheet_of_objects(lambda: _elements_of_array(opened), details, opened)


def _elements_of_array(opened: OpenedFile) -> Iterator[Element]:
    with text_of(opened) as text:
        yield from _Array(text).elements()


class _Array:
    """The elements of an array in a text; only one block and one element are in memory."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._held, self._place, self._is_all = "", 0, False
        self._passed = LineCounter()

    def elements(self) -> Iterator[Element]:
        self._expect("[")
        number = 0
        while (mark := self._next()) != "]":
            if number:
                self._expect(",")
            number += 1
            yield self._element(number)
            if self._next() not in (",", "]"):
                raise self._malformed("there should be a comma or a bracket after an element.")
        if mark == "]":
            self._place += 1
        if self._next():
            raise self._malformed("there is text after the end of the array.")

    def _element(self, number: int) -> Element:
        self._next()
        begin = self._place
        try:
            found = self._decoded()
        except RecursionError as error:
            raise self._malformed("this is nested too deeply.") from error
        if not isinstance(found, dict):
            text = shown(self._held[begin : self._place]) if begin < self._place else ""
            return Element(number, None, text, f"it is {kind_of(found)}")
        return Element(number, found)

    def _decoded(self) -> Any:
        """The value that begins here; reads more text while the value may continue."""
        while True:
            try:
                value, end = DECODER.raw_decode(self._held, self._place)
            except json.JSONDecodeError as error:
                if self._is_all or not self._may_go_on(error):
                    self._place = max(error.pos, self._place)
                    raise self._malformed(f"this is not JSON ({error.msg}).") from error
            except ValueError as error:
                raise self._malformed(f"this is not JSON ({error}).") from error
            else:
                if end < len(self._held) or self._is_all:
                    self._place = end
                    return value
            self._read_on()

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        if len(self._held) - self._place > LONGEST_OBJECT_CHARS:
            return False
        is_open_text = error.msg.startswith("Unterminated string")
        return is_open_text or error.pos >= len(self._held) - LONGEST_WORD

    def _read_on(self) -> None:
        """Drop what has been parsed; read twice as much as is left, so no text is read often."""
        self._passed.add(self._held[: self._place])
        self._held, self._place = self._held[self._place :], 0
        block = self._text.read(max(BLOCK_CHARS, len(self._held)))
        self._is_all = not block
        self._held += block

    def _next(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            while self._place < len(self._held) and self._held[self._place] in BLANKS:
                self._place += 1
            if self._place < len(self._held):
                return self._held[self._place]
            if self._is_all:
                return ""
            self._read_on()

    def _expect(self, mark: str) -> None:
        if self._next() != mark:
            raise self._malformed(f"there should be a {mark} here.")
        self._place += 1

    def _malformed(self, what: str) -> FileMalformed:
        self._passed.add(self._held[: self._place])
        if not self._next():
            what = "the array is cut off."
        return FileMalformed(self._passed.line, what, AGAIN)

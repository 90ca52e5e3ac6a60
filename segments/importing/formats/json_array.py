"""A JSON array of objects, decoded element by element: the file is never held as a whole."""

import io
import json
from collections.abc import Iterator
from typing import Any

from segments.exceptions import FileMalformed
from segments.importing.formats.encodings import LineCounter
from segments.importing.formats.json_objects import (
    DECODER,
    LONGEST_OBJECT_CHARS,
    Element,
    kind_of,
    sheet_of_objects,
)
from segments.importing.formats.lines import text_of
from segments.importing.formats.opened import OpenedFile
from segments.importing.types import FileFormat, Sheet, Source, shown

BLOCK_CHARS = 64 * 1024
# A fault this near to the end of what was read may be a word or number that goes on.
LONGEST_WORD = 32
BLANKS = " \t\r\n\ufeff"
AGAIN = "Write the file again: [{…}, {…}]."


class JSONArrayReader:
    """Text that begins with a bracket and a brace."""

    def recognises(self, opened: OpenedFile) -> bool:
        """By an array of objects, or of nothing; a table may begin with a bracket as well."""
        start = opened.text_start.lstrip(BLANKS)
        if opened.name.lower().endswith(".json") and start.startswith("["):
            return True
        return start.startswith("[") and start[1:].lstrip(BLANKS)[:1] in ("{", "]")

    def open(self, opened: OpenedFile) -> Sheet:
        """The sheet of the objects; the line of a row is the number of its element.

        Raises:
            FileMalformed: the text breaks off or is no JSON.
        """
        source = Source(FileFormat.JSON, encoding=opened.encoding.name)
        return sheet_of_objects(lambda: _elements(opened), source, opened)


def _elements(opened: OpenedFile) -> Iterator[Element]:
    with text_of(opened) as text:
        yield from _Array(text).elements()


class _Array:
    """The elements of an array in a text, of which one block and one element are held."""

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
                raise self._malformed("after an element there is neither a comma nor a bracket.")
        if mark == "]":
            self._place += 1
        if self._next():
            raise self._malformed("the array has ended, but the text goes on.")

    def _element(self, number: int) -> Element:
        self._next()
        begin = self._place
        try:
            found = self._decoded()
        except RecursionError as error:
            raise self._malformed("this is nested too deep.") from error
        if not isinstance(found, dict):
            text = shown(self._held[begin : self._place]) if begin < self._place else ""
            return Element(number, None, text, f"it is {kind_of(found)}")
        return Element(number, found)

    def _decoded(self) -> Any:
        """The value that begins here, for which more text is read while it may go on."""
        while True:
            try:
                value, end = DECODER.raw_decode(self._held, self._place)
            except json.JSONDecodeError as error:
                if self._is_all or not self._may_go_on(error):
                    self._place = max(error.pos, self._place)
                    raise self._malformed(f"this is no JSON ({error.msg}).") from error
            except ValueError as error:
                raise self._malformed(f"this is no JSON ({error}).") from error
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
        """Drop what is done with; take twice as much as is held, so that no text is read often."""
        self._passed.add(self._held[: self._place])
        self._held, self._place = self._held[self._place :], 0
        block = self._text.read(max(BLOCK_CHARS, len(self._held)))
        self._is_all = not block
        self._held += block

    def _next(self) -> str:
        """The next character that is not blank; an empty one at the end."""
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
            what = "the array breaks off."
        return FileMalformed(self._passed.line, what, AGAIN)

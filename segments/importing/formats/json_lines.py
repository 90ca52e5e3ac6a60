"""JSON Lines: one object a line."""

from collections.abc import Iterator

from segments.exceptions import FormatUnknown
from segments.importing.formats.json_objects import (
    DECODER,
    LONGEST_OBJECT_CHARS,
    Element,
    kind_of,
    sheet_of_objects,
)
from segments.importing.formats.lines import numbered_lines
from segments.importing.formats.opened import OpenedFile
from segments.importing.parts import PART_OF, folded
from segments.importing.types import FileFormat, Sheet, Source, shown


class JSONLinesReader:
    """Text whose first line begins with a brace."""

    def recognises(self, opened: OpenedFile) -> bool:
        """By the brace; no header of a table begins so."""
        return opened.text_start.lstrip("\ufeff \t\r\n").startswith("{")

    def open(self, opened: OpenedFile) -> Sheet:
        """The sheet of the objects.

        Raises:
            FormatUnknown: it is one object over many lines, or one around the objects.
            FileMalformed: a line is not of the file's encoding, or absurdly long.
        """
        first = opened.text_start.lstrip("\ufeff \t\r\n").partition("\n")[0]
        if first.strip() in ("{", "{}"):
            raise FormatUnknown(
                f"{opened.name} is one JSON object over many lines. Write one object a line, or "
                "put the objects into an array."
            )
        _refuse_wrapped(opened.name, first)
        source = Source(FileFormat.JSONL, encoding=opened.encoding.name)
        return sheet_of_objects(lambda: _elements(opened), source, opened)


def _refuse_wrapped(name: str, first: str) -> None:
    """Refuse an object that has the objects in it, as answers of web services do.

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


def _elements(opened: OpenedFile) -> Iterator[Element]:
    for number, line in numbered_lines(opened, LONGEST_OBJECT_CHARS):
        text = line.strip()
        if text:
            yield _element(number, text)


def _element(number: int, text: str) -> Element:
    try:
        found = DECODER.decode(text)
    except RecursionError:
        return Element(number, None, text, "it is nested too deep")
    except ValueError as error:
        return Element(number, None, text, str(error))
    if not isinstance(found, dict):
        return Element(number, None, text, f"it is {kind_of(found)}")
    return Element(number, found)

"""The rows of a sheet's XML as the parser yields them: sparse, as in the sheet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from segments.files.xlsx.number_formats import display
from segments.files.xlsx.package import XMLRefused, blocks, parser
from segments.files.xlsx.workbook import GENERAL, SharedStrings, unescaped

LAST_COLUMN = 16_384
LAST_ROW = 1_048_576
DIGITS = "0123456789"


@dataclass(slots=True)
class SheetRow:
    """A row with the texts of its cells by their column, counted from 0, and their errors."""

    number: int
    is_hidden: bool = False
    cells: dict[int, str] = field(default_factory=dict)
    faults: dict[int, tuple[str, str]] = field(default_factory=dict)


class SheetParser:
    """Turns the XML of a sheet into rows; skips what rows do not need."""

    def __init__(self, strings: SharedStrings, formats: Sequence[str], is_1904: bool) -> None:
        self._strings, self._formats, self._is_1904 = strings, formats, is_1904
        self._names: dict[str, str] = {}
        self._columns: dict[str, int] = {}
        self._ready: list[SheetRow] = []
        self._row = SheetRow(0)
        self._column = -1
        self._type = self._style = ""
        self._has_formula = self._has_value = self._collects = self._is_phonetic = False
        self._text: list[str] = []

    def rows(self, stream: IO[bytes]) -> Iterator[SheetRow]:
        """Every row that has a cell with content.

        Raises:
            XMLRefused: the XML is not well-formed or its references make no sense.
        """
        made = parser(self._start, self._end, self._characters)
        for _ in blocks(stream, made):
            if self._ready:
                yield from self._ready
                self._ready.clear()

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        kind = self._names.get(name)
        if kind is None:
            kind = self._names[name] = name.rpartition(":")[2]
        if kind == "c":
            self._start_cell(attributes)
        elif kind == "v" or kind == "t":
            self._has_value = True
            self._collects = not self._is_phonetic
        elif kind == "f":
            self._has_formula = True
        elif kind == "row":
            self._start_row(attributes)
        elif kind == "rPh":
            self._is_phonetic = True

    def _end(self, name: str) -> None:
        kind = self._names[name]
        if kind == "v" or kind == "t":
            self._collects = False
        elif kind == "c":
            self._end_cell()
        elif kind == "row" and (self._row.cells or self._row.faults):
            self._ready.append(self._row)
        elif kind == "rPh":
            self._is_phonetic = False

    def _characters(self, text: str) -> None:
        if self._collects:
            self._text.append(text)

    def _start_row(self, attributes: Mapping[str, str]) -> None:
        written = attributes.get("r")
        number = self._row.number + 1 if written is None else _whole(written)
        if not self._row.number < number <= LAST_ROW:
            raise XMLRefused(f"row {written} does not come after row {self._row.number}")
        self._row = SheetRow(number, attributes.get("hidden") in ("1", "true"))
        self._column = -1

    def _start_cell(self, attributes: Mapping[str, str]) -> None:
        self._column = self._place(attributes.get("r"))
        self._type = attributes.get("t", "n")
        self._style = attributes.get("s", "")
        self._has_formula = self._has_value = False
        self._text.clear()

    def _place(self, reference: str | None) -> int:
        if reference is None:
            place = self._column + 1
        else:
            letters = reference.rstrip(DIGITS)
            found = self._columns.get(letters)
            place = self._numbered(letters) if found is None else found
        if not self._column < place < LAST_COLUMN:
            raise XMLRefused(f"the cell {reference} is out of order")
        return place

    def _numbered(self, letters: str) -> int:
        number = 0
        if not (letters.isascii() and letters.isalpha()) or len(letters) > 3:
            raise XMLRefused(f"“{letters[:20]}” is not a column")
        for letter in letters.upper():
            number = number * 26 + ord(letter) - ord("A") + 1
        self._columns[letters] = number - 1
        return number - 1

    def _end_cell(self) -> None:
        written = "".join(self._text)
        # Some programs write an empty value beside a formula; only texts may be empty.
        if self._has_formula and not written and not (self._has_value and self._type == "str"):
            self._row.faults[self._column] = (
                "formula_without_value",
                "The cell has a formula that was never calculated. Open the file in a "
                "spreadsheet program and save it again, or write the value.",
            )
        elif written and (text := self._shown(written)):
            self._row.cells[self._column] = text

    def _shown(self, text: str) -> str:
        kind = self._type
        if kind == "s":
            return self._shared(text)
        if kind == "n":
            return self._number(text)
        if kind == "b":
            return "TRUE" if text.strip() in ("1", "true") else "FALSE"
        if kind == "e":
            self._row.faults[self._column] = (
                "error_value",
                f"The cell shows the error {text}. Fix its formula or write the value.",
            )
            return text
        return unescaped(text)

    def _shared(self, text: str) -> str:
        try:
            return self._strings[int(text)]
        except (ValueError, IndexError) as error:
            raise XMLRefused(f"there is no shared text “{text[:20]}”") from error

    def _number(self, text: str) -> str:
        text = text.strip()
        try:
            code = self._formats[int(self._style)] if self._style else GENERAL
        except (ValueError, IndexError) as error:
            raise XMLRefused(f"there is no style “{self._style[:20]}”") from error
        if code == GENERAL and text.isdigit() and len(text) < 16:
            return text
        try:
            return display(float(text), code, self._is_1904) if text else ""
        except (ValueError, OverflowError) as error:
            raise XMLRefused(f"“{text[:20]}” is not a number") from error


def _whole(text: str) -> int:
    try:
        return int(text) if len(text) < 10 else LAST_ROW + 1
    except ValueError as error:
        raise XMLRefused(f"“{text[:20]}” is not a row") from error

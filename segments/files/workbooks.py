"""Workbooks of any format: which of their sheets are read, and how several become one table."""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Generic, TypeVar

from segments.exceptions import FileEmpty, SheetNotFound
from segments.files.names import METADATA_PREFIX, folded
from segments.files.options import ALL_SHEETS
from segments.files.types import RawRow, Sheet

# The column in which each row remembers its sheet, where there are several.
SHEET_COLUMN = f"{METADATA_PREFIX}sheet"
# Without a word, so many empty sheets are passed over to find one with rows.
EMPTY_SHEETS = 20
NAMES_LISTED = 20

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Sheets(Generic[Entry]):
    """The sheets of a workbook, each with its name and whether it is hidden."""

    entries: Sequence[tuple[str, bool, Entry]]

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [name for name, _, _ in self.entries]

    @property
    def visible(self) -> list[tuple[str, bool, Entry]]:
        """Those that are not hidden; all, if all are."""
        return [each for each in self.entries if not each[1]] or list(self.entries)

    def named(self, wanted: str) -> list[tuple[str, bool, Entry]]:
        """The sheet of that name, or all that are not hidden if that is what the name says.

        Raises:
            SheetNotFound: with the names there are.
        """
        for each in self.entries:
            if each[0].strip().casefold() == wanted.strip().casefold():
                return [each]
        if wanted.strip().casefold() in ALL_SHEETS:
            return self.visible
        nearest = get_close_matches(wanted, self.names, n=1)
        hint = f"Did you mean “{nearest[0]}”? " if nearest else ""
        raise SheetNotFound(
            f"There is no sheet “{wanted}”. {hint}The file has {listed_sheets(self.names)}."
        )


def listed_sheets(names: Sequence[str]) -> str:
    """The sheets by name, as far as a message has room."""
    more = " …" if len(names) > NAMES_LISTED else ""
    return ", ".join(f"“{name}”" for name in names[:NAMES_LISTED]) + more


def read_sheets(
    sheets: Sheets[Entry], wanted: Sequence[str], open_one: Callable[[Entry], Sheet]
) -> Sheet:
    """The sheets that are wanted as one table; without a wish, the first that has rows.

    Raises:
        SheetNotFound: one of them does not exist.
        FileEmpty: there are no rows in any of them.
    """
    if not wanted:
        return _first_with_rows(sheets, open_one)
    chosen = [each for name in wanted for each in sheets.named(name)]
    chosen = [each for at, each in enumerate(chosen) if each not in chosen[:at]]
    if len(chosen) == 1:
        name, _, entry = chosen[0]
        try:
            return _told(open_one(entry), sheets, name)
        except FileEmpty:
            raise _empty(name, [each for each in sheets.names if each != name]) from None
    return _several(sheets, chosen, open_one)


def _first_with_rows(sheets: Sheets[Entry], open_one: Callable[[Entry], Sheet]) -> Sheet:
    for name, _, entry in sheets.visible[:EMPTY_SHEETS]:
        try:
            return _told(open_one(entry), sheets, name)
        except FileEmpty:
            continue
    name = sheets.visible[0][0]
    raise _empty(name, [each for each in sheets.names if each != name])


def _empty(name: str, others: Sequence[str]) -> FileEmpty:
    there = f": {listed_sheets(others)}" if others else ""
    return FileEmpty(
        f"The sheet “{name}” is empty. Add a header and rows, or choose another sheet "
        f"(option sheet){there}."
    )


def _told(sheet: Sheet, sheets: Sheets[Entry], name: str) -> Sheet:
    """The sheet, with a notice of those that are not read."""
    others = [each for each in sheets.entries if each[0] != name]
    if others:
        listed = ", ".join(
            f"“{other}”" + (" (hidden)" if is_hidden else "") for other, is_hidden, _ in others[:10]
        )
        more = " …" if len(others) > 10 else ""
        sheet.notices.insert(
            0, f"The sheet “{name}” was read; not read: {listed}{more} (option sheet)."
        )
    return sheet


def _several(
    sheets: Sheets[Entry],
    chosen: Sequence[tuple[str, bool, Entry]],
    open_one: Callable[[Entry], Sheet],
) -> Sheet:
    opened: list[tuple[str, Sheet]] = []
    empty: list[str] = []
    with ExitStack() as stack:
        for name, _, entry in chosen:
            try:
                sheet = open_one(entry)
            except FileEmpty:
                empty.append(name)
            else:
                stack.enter_context(closing(sheet.rows))
                opened.append((name, sheet))
        if not opened:
            raise FileEmpty(f"The sheets {listed_sheets(empty)} are empty. Add a header and rows.")
        stack.pop_all()
    return _united(opened, _notices(sheets, opened, empty))


def _notices(
    sheets: Sheets[Entry], opened: Sequence[tuple[str, Sheet]], empty: Sequence[str]
) -> list[str]:
    read = [name for name, _ in opened]
    unread = [name for name in sheets.names if name not in read and name not in empty]
    told = [f"{len(read)} sheets were read: {listed_sheets(read)}."]
    if empty:
        told.append(f"Empty: {listed_sheets(empty)}.")
    if unread:
        told.append(f"Not read: {listed_sheets(unread)}.")
    return told


def _united(opened: Sequence[tuple[str, Sheet]], notices: list[str]) -> Sheet:
    """Several sheets as one, their columns matched by name; each row says which it is of."""
    header: dict[str, str] = {}
    for _, sheet in opened:
        for name in sheet.header:
            if name.strip():
                header.setdefault(folded(name), name)
    places = {key: place for place, key in enumerate(header)}
    columns = (*header.values(), SHEET_COLUMN)
    first = opened[0][1]
    for name, sheet in opened:
        notices += [f"{name}: {notice}" for notice in sheet.notices]
        sheet.notices.clear()
    details = replace(first.details, sheet=", ".join(name for name, _ in opened))
    sample = tuple(
        _placed(row, sheet, places, name) for name, sheet in opened for row in sheet.sample
    )
    rows = _rows_of(opened, places, notices)
    return Sheet(columns, first.header_line, rows, _position(opened), details, notices, sample)


def _rows_of(
    opened: Sequence[tuple[str, Sheet]], places: dict[str, int], notices: list[str]
) -> Generator[RawRow]:
    """The rows of all sheets; lines go on from one to the next, so that each is there once."""
    before = 0
    with ExitStack() as stack:
        for _, sheet in opened:
            stack.enter_context(closing(sheet.rows))
        for name, sheet in opened:
            last = sheet.header_line
            for row in sheet.rows:
                last = row.line
                yield _placed(row, sheet, places, name)._replace(line=before + row.line)
            notices += [f"{name}: {notice}" for notice in sheet.notices]
            if name != opened[-1][0]:
                notices.append(f"Row 1 after “{name}” counts as line {before + last + 1:,}.")
            before += last


def _placed(row: RawRow, sheet: Sheet, places: dict[str, int], name: str) -> RawRow:
    """A row of one sheet under the header of all."""
    cells = [""] * len(places)
    for heading, cell in zip(sheet.header, row.cells, strict=False):
        if heading.strip():
            cells[places[folded(heading)]] = cell
    beyond = [cell for cell in row.cells[len(sheet.header) :] if cell]
    problems = tuple(
        problem._replace(place=_new_place(problem.place, sheet, places)) for problem in row.problems
    )
    return row._replace(cells=(*cells, name, *beyond), problems=problems)


def _new_place(place: int | None, sheet: Sheet, places: dict[str, int]) -> int | None:
    if place is None or place >= len(sheet.header) or not sheet.header[place].strip():
        return place if place is None else len(places) + 1 + place
    return places[folded(sheet.header[place])]


def _position(opened: Sequence[tuple[str, Sheet]]) -> Callable[[], int]:
    return lambda: sum(sheet.position() for _, sheet in opened) // len(opened)

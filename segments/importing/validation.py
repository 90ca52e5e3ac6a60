"""RawRow ─validate─► SegmentRow | RowProblem: every rule about one row, in one place.

A bad row is data, never an exception; all that is wrong with it is said at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from segments.importing.columns import Columns
from segments.importing.types import JSONValue, RawRow, RowProblem, SegmentRow, shown

EXTERNAL_ID_CHARS = 255
KEYWORD_SEPARATORS = (",", "，", ";", "；")
YES = frozenset({"true", "1", "yes", "y", "on"})
NO = frozenset({"false", "0", "no", "n", "off"})


@dataclass(frozen=True, slots=True)
class Rules:
    """What a row is checked against."""

    columns: Columns
    max_cell_chars: int


def validate(raw: RawRow, rules: Rules) -> SegmentRow | list[RowProblem]:
    """The segment that `raw` describes, or everything that is wrong with it."""
    columns = rules.columns
    if len(raw.cells) != len(columns.names):
        return [_ragged(raw, columns)]
    problems = list(_problems(raw, rules))
    if problems:
        return problems
    cells = raw.cells
    return SegmentRow(
        line=raw.line,
        content=cells[columns.content],
        answer=None if columns.answer is None else cells[columns.answer],
        keywords=None if columns.keywords is None else _keywords(cells[columns.keywords]),
        external_id=(cells[columns.external_id].strip() or None)
        if columns.external_id is not None
        else None,
        metadata=_metadata(raw, columns),
        enabled=columns.enabled is None or _is_enabled(cells[columns.enabled]),
    )


def problem(raw: RawRow, column: str, value: str, code: str, reason: str) -> RowProblem:
    """A problem of `raw` at `column`, its value cut for display."""
    return RowProblem(raw.line, shown(column), shown(value), code, reason, raw.cells)


def _ragged(raw: RawRow, columns: Columns) -> RowProblem:
    found, wanted = len(raw.cells), len(columns.names)
    reason = (
        f"The row has {found} cells, the header has {wanted}. "
        'Add what is missing, or put cells that hold a separator into quotes (").'
    )
    return problem(raw, "", " | ".join(raw.cells), "ragged_row", reason)


def _problems(raw: RawRow, rules: Rules) -> Iterator[RowProblem]:
    columns = rules.columns
    for place, cell in enumerate(raw.cells):
        if cell:
            yield from _cell_problems(raw, columns.names[place], cell, rules.max_cell_chars)
    yield from _blank(raw, columns, columns.content)
    if columns.answer is not None:
        yield from _blank(raw, columns, columns.answer)
    if columns.external_id is not None:
        yield from _long_id(raw, columns, columns.external_id)
    if columns.enabled is not None:
        yield from _unclear_switch(raw, columns, columns.enabled)


def _cell_problems(raw: RawRow, column: str, cell: str, limit: int) -> Iterator[RowProblem]:
    if len(cell) > limit:
        yield problem(
            raw,
            column,
            cell,
            "cell_too_long",
            f"The cell has {len(cell):,} characters; {limit:,} are allowed "
            "(SEGMILL_MAX_CELL_CHARS). Split it into several rows.",
        )
    if "\0" in cell:
        yield problem(
            raw, column, cell, "nul_character", "There is a NUL character in it. Remove it."
        )
    if not cell.isascii() and _has_surrogate(cell):
        yield problem(
            raw,
            column,
            cell,
            "broken_character",
            "There is half a character in it (a lone surrogate). Type the character again.",
        )


def _has_surrogate(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return True
    return False


def _blank(raw: RawRow, columns: Columns, place: int) -> Iterator[RowProblem]:
    cell = raw.cells[place]
    if not cell or cell.isspace():
        name = columns.names[place]
        yield problem(
            raw, name, cell, "blank_cell", f"The {name} is blank. Fill it or remove the row."
        )


def _long_id(raw: RawRow, columns: Columns, place: int) -> Iterator[RowProblem]:
    if len(raw.cells[place].strip()) > EXTERNAL_ID_CHARS:
        reason = f"An external id has at most {EXTERNAL_ID_CHARS} characters. Shorten it."
        yield problem(raw, columns.names[place], raw.cells[place], "id_too_long", reason)


def _unclear_switch(raw: RawRow, columns: Columns, place: int) -> Iterator[RowProblem]:
    word = raw.cells[place].strip().lower()
    if word and word not in YES | NO:
        reason = "Neither yes nor no. Write true or false, or leave the cell empty for true."
        yield problem(raw, columns.names[place], raw.cells[place], "unclear_switch", reason)


def _is_enabled(cell: str) -> bool:
    return cell.strip().lower() not in NO


def _keywords(cell: str) -> list[str] | None:
    """The keywords of a cell, separated by any of `KEYWORD_SEPARATORS`, each once."""
    first, *others = KEYWORD_SEPARATORS
    for separator in others:
        cell = cell.replace(separator, first)
    words = dict.fromkeys(word.strip() for word in cell.split(first))
    words.pop("", None)
    return list(words) or None


def _metadata(raw: RawRow, columns: Columns) -> dict[str, JSONValue]:
    return {key: raw.cells[place] for key, place in columns.metadata if raw.cells[place]}

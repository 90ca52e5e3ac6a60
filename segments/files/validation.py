"""RawRow ─validate─► SegmentRow | RowProblem: every rule about one row, in one place.

A bad row is data, never an exception; everything that is wrong with it is reported at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from segments.files.columns import Columns
from segments.files.types import (
    CellError,
    JSONCell,
    JSONValue,
    RawRow,
    RowProblem,
    SegmentRow,
    column_letters,
    shown,
)
from segments.files.values import (
    check_storable,
    is_on,
    is_switch,
    keywords_of,
    metadata_of,
    segment_id_of,
    split_names,
    unguarded,
)

EXTERNAL_ID_CHARS = 255
# A full-text entry holds at most 1 MB (PostgreSQL, "Limitations of text search"); this many
# characters of question and answer each stay below it in every script.
MAX_CELL_CHARS = 100_000


@dataclass(frozen=True, slots=True)
class Rules:
    """What a row is checked against."""

    columns: Columns
    max_cell_chars: int


def validate(raw: RawRow, rules: Rules) -> SegmentRow | list[RowProblem]:
    """The segment that `raw` describes, or everything that is wrong with it."""
    columns = rules.columns
    if raw.problems:
        faults = [fault for fault in raw.problems if _is_used(fault.place, columns)]
        if faults:
            return [_as_read(raw, columns, fault) for fault in faults]
    if len(raw.cells) != len(columns.names):
        fitted = _fitted(raw.cells, columns.names)
        if fitted is None:
            return [_ragged(raw, columns)]
        raw = raw._replace(cells=fitted)
    if columns.escaped is not None and raw.cells[columns.escaped]:
        raw = _unescaped(raw, columns, columns.escaped)
    cells = raw.cells
    content = columns.template.fill(cells) if columns.template else cells[columns.content]
    problems = list(_problems(raw, content, rules))
    if problems:
        return problems
    return SegmentRow(
        line=raw.line,
        content=content,
        answer=None if columns.answer is None else cells[columns.answer],
        keywords=None if columns.keywords is None else keywords_of(cells[columns.keywords]),
        external_id=(cells[columns.external_id].strip() or None)
        if columns.external_id is not None
        else None,
        metadata=_metadata(raw, columns),
        enabled=columns.enabled is None or is_on(cells[columns.enabled]),
        segment_id=None if columns.segment_id is None else segment_id_of(cells[columns.segment_id]),
    )


def problem(raw: RawRow, column: str, value: str, code: str, reason: str) -> RowProblem:
    """A problem of `raw` at `column`, its value cut for display."""
    return RowProblem(raw.line, shown(column), shown(value), code, reason, raw.cells)


def _is_used(place: int | None, columns: Columns) -> bool:
    """Whether an error there matters: in an unused column it does not."""
    return place is None or place >= len(columns.uses) or bool(columns.uses[place])


def _as_read(raw: RawRow, columns: Columns, fault: CellError) -> RowProblem:
    """A problem that was found before the columns were known."""
    name = ""
    if fault.place is not None:
        is_known = fault.place < len(columns.names) and columns.names[fault.place]
        name = columns.names[fault.place] if is_known else column_letters(fault.place)
    return problem(raw, name, fault.value, fault.code, fault.reason)


def _unescaped(raw: RawRow, columns: Columns, escaped: int) -> RawRow:
    """The row without the apostrophes that an export put before possible formulas."""
    guarded = split_names(unguarded(raw.cells[escaped]))
    cells = tuple(
        unguarded(cell) if name in guarded else cell
        for name, cell in zip(columns.names, raw.cells, strict=True)
    )
    return raw._replace(cells=cells)


def _fitted(cells: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...] | None:
    """The cells, made as wide as the header if nothing is lost or invented; else None.

    Spreadsheet programs write empty cells beyond a table, and leave out some of those they wrote.
    """
    surplus, lacking = cells[len(names) :], names[len(cells) :]
    if any(surplus) or any(lacking):
        return None
    return (*cells[: len(names)], *[""] * len(lacking))


def _ragged(raw: RawRow, columns: Columns) -> RowProblem:
    found, wanted = len(raw.cells), len(columns.names)
    if columns.is_workbook:
        return _beyond_header(raw, columns)
    reason = (
        f"The row has {found} {'cell' if found == 1 else 'cells'}, the header has {wanted}. "
        'Add what is missing, or put cells that hold a separator into quotes (").'
    )
    return problem(raw, "", " | ".join(raw.cells), "ragged_row", reason)


def _beyond_header(raw: RawRow, columns: Columns) -> RowProblem:
    """A row of a workbook with something in a column that has no name."""
    width = len(columns.names)
    place = next(place for place in range(width, len(raw.cells)) if raw.cells[place])
    reason = (
        f"The cell in column {column_letters(place)} is beyond the header, which ends in column "
        f"{column_letters(width - 1)}. Give the column a name in the header, or clear the cell."
    )
    return problem(raw, column_letters(place), raw.cells[place], "ragged_row", reason)


def _problems(raw: RawRow, content: str, rules: Rules) -> Iterator[RowProblem]:
    columns = rules.columns
    for place, cell in enumerate(raw.cells):
        if not _is_plain(cell, rules.max_cell_chars):
            yield from _cell_problems(raw, columns.names[place], cell, rules.max_cell_chars)
    if columns.template and len(content) > rules.max_cell_chars:
        name = columns.names[columns.content]
        yield from _cell_problems(raw, name, content, rules.max_cell_chars)
    yield from _blank(raw, columns, columns.content, content)
    if columns.answer is not None:
        yield from _blank(raw, columns, columns.answer, raw.cells[columns.answer])
    if columns.external_id is not None:
        yield from _long_id(raw, columns, columns.external_id)
    if columns.enabled is not None:
        yield from _unclear_switch(raw, columns, columns.enabled)
    if columns.keywords is not None and raw.cells[columns.keywords]:
        yield from _unclear_keywords(raw, columns, columns.keywords)
    if columns.whole_metadata is not None and raw.cells[columns.whole_metadata]:
        yield from _unclear_metadata(raw, columns, columns.whole_metadata)
    if columns.metadata:
        yield from _unstorable(raw, columns)
    if columns.segment_id is not None:
        yield from _unclear_id(raw, columns, columns.segment_id)


def _is_plain(cell: str, limit: int) -> bool:
    """Whether nothing can be wrong with the cell: a quick test that most cells pass."""
    return len(cell) <= limit and cell.isascii() and "\0" not in cell


def _cell_problems(raw: RawRow, column: str, cell: str, limit: int) -> Iterator[RowProblem]:
    if len(cell) > limit:
        yield problem(
            raw,
            column,
            cell,
            "cell_too_long",
            f"The cell has {len(cell):,} characters; {limit:,} are allowed. "
            "Split it into several rows.",
        )
    if "\0" in cell:
        yield problem(raw, column, cell, "nul_character", "It contains a NUL character. Remove it.")
    if not cell.isascii() and _has_surrogate(cell):
        yield problem(
            raw,
            column,
            cell,
            "broken_character",
            "It contains half a character (a lone surrogate). Retype the character.",
        )


def _has_surrogate(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return True
    return False


def _blank(raw: RawRow, columns: Columns, place: int, cell: str) -> Iterator[RowProblem]:
    if isinstance(cell, JSONCell) and isinstance(cell.value, (list, dict)):
        reason = "This is a list or an object, not a text. Write a text in quotes."
        yield problem(raw, columns.names[place], cell, "not_text", reason)
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
    if not is_switch(raw.cells[place]):
        reason = (
            "This is neither yes nor no. Write true or false, or leave the cell empty for true."
        )
        yield problem(raw, columns.names[place], raw.cells[place], "unclear_switch", reason)


def _unclear_keywords(raw: RawRow, columns: Columns, place: int) -> Iterator[RowProblem]:
    try:
        keywords_of(raw.cells[place])
    except ValueError as fault:
        reason = f"These are not keywords: {fault}. Write words separated by commas."
        yield problem(raw, columns.names[place], raw.cells[place], "unclear_keywords", reason)


def _unclear_metadata(raw: RawRow, columns: Columns, place: int) -> Iterator[RowProblem]:
    try:
        metadata_of(raw.cells[place])
    except ValueError as fault:
        reason = f'This is not metadata: {fault}. Write a JSON object such as {{"page": 7}}.'
        yield problem(raw, columns.names[place], raw.cells[place], "unclear_metadata", reason)


def _unstorable(raw: RawRow, columns: Columns) -> Iterator[RowProblem]:
    """Metadata with values other than texts, from JSON files."""
    for _, place in columns.metadata:
        cell = raw.cells[place]
        if isinstance(cell, JSONCell):
            try:
                check_storable(cell.value)
            except ValueError as fault:
                reason = f"This cannot be stored: {fault}. Change it."
                yield problem(raw, columns.names[place], cell, "unclear_metadata", reason)


def _unclear_id(raw: RawRow, columns: Columns, place: int) -> Iterator[RowProblem]:
    try:
        segment_id_of(raw.cells[place])
    except ValueError:
        reason = "This is not the id of an exported segment. Clear it to create a new segment."
        yield problem(raw, columns.names[place], raw.cells[place], "unclear_id", reason)


def _metadata(raw: RawRow, columns: Columns) -> dict[str, JSONValue]:
    """The metadata of its own column, overridden by columns named after a key."""
    found: dict[str, JSONValue] = {}
    if columns.whole_metadata is not None:
        found = dict(metadata_of(raw.cells[columns.whole_metadata]))
    for key, place in columns.metadata:
        if cell := raw.cells[place]:
            found[key] = cell.value if isinstance(cell, JSONCell) else cell
    return found

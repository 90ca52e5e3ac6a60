"""Maps the header of a file: its columns, remembered mappings, and unused columns."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from uuid import UUID

from segments.exceptions import HeaderRefused
from segments.files.columns import Columns, columns_in
from segments.files.header import original_names
from segments.files.names import ERROR_COLUMN, folded, similar_part
from segments.files.options import ImportOptions, UnknownColumns
from segments.files.types import MAX_COLUMNS, FileDetails, RawRow, Sheet, Target
from segments.models import RememberedColumns

REPETITIONS_SHOWN = 10
# How a report of bad rows begins what it says of one.
LINE_OF_REPORT = re.compile(r"Line (\d{1,3}(?:,\d{3})*):")


def columns_of(
    sheet: Sheet, target: Target, options: ImportOptions, remembered: RememberedColumns | None
) -> Columns:
    """What the columns of `sheet` are, as told, as last time, or by their names.

    Raises:
        HeaderRefused: there are too many columns, or not the ones `target` needs.
    """
    if len(sheet.header) > MAX_COLUMNS:
        raise HeaderRefused(
            f"Line {sheet.header_line}: the header has {len(sheet.header):,} columns; "
            f"{MAX_COLUMNS} are allowed."
        )
    if remembered and not (options.map or options.template or options.no_header):
        options = _as_remembered(sheet, remembered, options)
    return columns_in(sheet, target.doc_form, options)


def remembered_columns(document_id: UUID) -> RememberedColumns | None:
    """How the columns of the document's last file were read, if that was not plain."""
    return RememberedColumns.objects.filter(document=document_id).first()


def known_header(remembered: RememberedColumns | None) -> tuple[str, ...]:
    """The header of the document's last file; empty if it is not known."""
    return tuple(remembered.header) if remembered else ()


def _as_remembered(
    sheet: Sheet, remembered: RememberedColumns, options: ImportOptions
) -> ImportOptions:
    """The options with what was told of the document's last file of the same columns.

    Columns that a report of bad rows has added do not matter.
    """
    if original_names(remembered.header) != original_names(sheet.header):
        return options
    chosen = ImportOptions.from_fields(remembered.options)
    if options.unknown == UnknownColumns.REPORT and chosen.unknown != options.unknown:
        options = replace(options, unknown=chosen.unknown)
        sheet.notices.append("Other columns are kept as metadata, as last time (option unknown).")
    names = list(sheet.header)
    pairs = sorted(
        ((part, column) for part, column in chosen.map.items() if column),
        key=lambda pair: names.index(pair[1]) if pair[1] in names else len(names),
    )
    listed = [f"{part} = “{column}”" for part, column in pairs]
    if chosen.template:
        listed.append(f"text = “{chosen.template}”")
    if not listed:
        return options
    sheet.notices.append(f"Columns were mapped as last time: {', '.join(listed)} (option map).")
    return replace(options, map=chosen.map, template=chosen.template)


def remember_columns(document_id: UUID, columns: Columns, options: ImportOptions) -> None:
    """Keep how the columns were read, for the next file of the same header.

    That is for the file of bad rows, too, which comes back without a word on how to read it.
    What was read from memory stays there as it is.
    """
    is_from_memory = bool(columns.told or columns.template_text) and not (
        options.map or options.template or columns.guesses
    )
    has_told = options.map or options.template or options.no_header or columns.guesses
    if is_from_memory or not (has_told or options.unknown != UnknownColumns.REPORT):
        return
    chosen = (columns.remembered if has_told else {}) | {"unknown": options.unknown.value}
    RememberedColumns.objects.update_or_create(
        document_id=document_id, defaults={"header": list(columns.names), "options": chosen}
    )


def rows_in(sheet: Sheet) -> Iterator[RawRow]:
    """The rows of a sheet; those of a report of bad rows with the lines of the original file.

    Lines rise all the same: a row that was added to the report gets the line after the last one.
    """
    names = [folded(name) for name in sheet.header]
    if ERROR_COLUMN not in names:
        yield from sheet.rows
        return
    place, last = names.index(ERROR_COLUMN), 0
    for row in sheet.rows:
        cell = row.cells[place] if place < len(row.cells) else ""
        found = LINE_OF_REPORT.match(cell)
        line = int(found[1].replace(",", "")) if found else 0
        last = line if line > last else last + 1
        yield row._replace(line=last)


def describe_columns(sheet: Sheet, columns: Columns) -> FileDetails:
    """What the file is, with its header and the parts its columns are."""
    return replace(sheet.details, header=sheet.header, uses=columns.uses)


def notices_of(columns: Columns) -> list[str]:
    """The columns that are not used, by name; those of exports and reports all in one."""
    unused = [(name, similar_part(name)) for name in columns.unknown if name]
    told = [*columns.guesses]
    told += [
        f"The column “{name}” is not used. Did you mean {part}?" for name, part in unused if part
    ]
    others = [f"“{name}”" for name, part in unused if not part]
    if others:
        told.append(f"Not used: {', '.join(others)}. To keep them, use the option unknown.")
    if "" in columns.unknown:
        told.append("An unnamed column is not used.")
    if columns.ignored:
        listed = ", ".join(columns.ignored)
        told.append(f"Ignored, because exports and reports add them: {listed}.")
    return told


def repetitions_of(repeated: Sequence[tuple[int, int]]) -> list[str]:
    """The notice about rows that repeat an earlier one."""
    if not repeated:
        return []
    listed = ", ".join(f"{line:,} (as {first:,})" for line, first in repeated[:REPETITIONS_SHOWN])
    more = " …" if len(repeated) > REPETITIONS_SHOWN else ""
    repeat = "row repeats" if len(repeated) == 1 else "rows repeat"
    return [f"{len(repeated):,} {repeat} an earlier row: line {listed}{more}."]

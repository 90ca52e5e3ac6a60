"""What the header of a file says: its columns, those remembered, and those that are not used."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from segments.exceptions import HeaderRefused
from segments.files.columns import Columns, columns_in
from segments.files.names import similar_part
from segments.files.options import ImportOptions
from segments.files.types import MAX_COLUMNS, FileDetails, Sheet, Target
from segments.imports.prepare_stats import PrepareStats
from segments.models import RememberedColumns

REPETITIONS_SHOWN = 10


def columns_of(sheet: Sheet, target: Target, options: ImportOptions) -> Columns:
    """What the columns of `sheet` are, as told, as last time, or by their names.

    Raises:
        HeaderRefused: they are too many, or not those that `target` needs.
    """
    if len(sheet.header) > MAX_COLUMNS:
        raise HeaderRefused(
            f"Line {sheet.header_line}: the header has {len(sheet.header):,} columns; "
            f"{MAX_COLUMNS} are allowed."
        )
    if not options.map and not options.no_header:
        options = _as_remembered(sheet, target, options)
    return columns_in(sheet, target.doc_form, options)


def _as_remembered(sheet: Sheet, target: Target, options: ImportOptions) -> ImportOptions:
    """The mapping that was given for the document's last file of the same columns, if one was."""
    remembered = RememberedColumns.objects.filter(document=target.document_id).first()
    if remembered is None or remembered.header != list(sheet.header):
        return options
    pairs = sorted(remembered.mapping.items(), key=lambda pair: sheet.header.index(pair[1]))
    listed = ", ".join(f"{part} = “{column}”" for part, column in pairs)
    sheet.notices.append(f"Columns were mapped as last time: {listed} (option map).")
    return options.with_map(remembered.mapping)


def remember_columns(document_id: UUID, tally: PrepareStats, options: ImportOptions) -> None:
    """Keep the mapping that was given, to be offered for the next file of the same columns."""
    RememberedColumns.objects.update_or_create(
        document_id=document_id,
        defaults={"header": list(tally.file_details.header), "mapping": tally.columns.told},
    )


def describe_columns(sheet: Sheet, columns: Columns, options: ImportOptions) -> FileDetails:
    """What the file is, with its header and the parts its columns are."""
    header = () if options.no_header else sheet.header
    return replace(sheet.details, header=header, uses=columns.uses)


def notices_of(columns: Columns) -> list[str]:
    """The columns that are not used, by name; those of exports and reports all in one."""
    told = [*columns.guesses]
    told += [
        f"The column “{name}” is not used." + (f" Did you mean {part}?" if part else "")
        for name, part in ((name, similar_part(name)) for name in columns.unknown if name)
    ]
    if "" in columns.unknown:
        told.append("An unnamed column is not used.")
    if columns.ignored:
        listed = ", ".join(columns.ignored)
        told.append(f"Ignored, because exports and reports add them: {listed}.")
    return told


def repetitions_of(repeated: Sequence[tuple[int, int]]) -> list[str]:
    """What is said of rows that say the same as an earlier one."""
    if not repeated:
        return []
    listed = ", ".join(f"{line:,} (as {first:,})" for line, first in repeated[:REPETITIONS_SHOWN])
    more = " …" if len(repeated) > REPETITIONS_SHOWN else ""
    repeat = "row repeats" if len(repeated) == 1 else "rows repeat"
    return [f"{len(repeated):,} {repeat} an earlier row: line {listed}{more}."]

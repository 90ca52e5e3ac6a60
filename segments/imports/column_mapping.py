"""Maps the header of a file: its columns, remembered mappings, and unused columns."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from segments.exceptions import HeaderRefused
from segments.files.columns import Columns, columns_in, similar_part
from segments.files.options import ImportOptions
from segments.files.types import MAX_COLUMNS, FileDetails, Sheet, Target
from segments.imports.prepare_stats import PrepareStats
from segments.models import RememberedColumns

REPETITIONS_SHOWN = 10


def columns_of(sheet: Sheet, target: Target, options: ImportOptions) -> Columns:
    """Map the columns of `sheet` by the options, by the last mapping, or by their names.

    Raises:
        HeaderRefused: there are too many columns, or not the ones `target` needs.
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
    """`options` with the mapping of the document's last file with the same columns, if any."""
    remembered = RememberedColumns.objects.filter(document=target.document_id).first()
    if remembered is None or remembered.header != list(sheet.header):
        return options
    pairs = sorted(remembered.mapping.items(), key=lambda pair: sheet.header.index(pair[1]))
    listed = ", ".join(f"{part} = “{column}”" for part, column in pairs)
    sheet.notices.append(f"Columns were mapped as last time: {listed} (option map).")
    return options.with_map(remembered.mapping)


def remember_columns(document_id: UUID, tally: PrepareStats, options: ImportOptions) -> None:
    """Remember the given mapping for the document's next file with the same columns."""
    RememberedColumns.objects.update_or_create(
        document_id=document_id,
        defaults={"header": list(tally.file_details.header), "mapping": tally.columns.told},
    )


def describe_columns(sheet: Sheet, columns: Columns, options: ImportOptions) -> FileDetails:
    """Describe the file: its header, and the part each column fills."""
    header = () if options.no_header else sheet.header
    return replace(sheet.details, header=header, uses=columns.uses)


def notices_of(columns: Columns) -> list[str]:
    """Notices about unused columns; those that exports and reports add share one notice."""
    told = [
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
    """The notice about rows that repeat an earlier one."""
    if not repeated:
        return []
    listed = ", ".join(f"{line:,} (as {first:,})" for line, first in repeated[:REPETITIONS_SHOWN])
    more = " …" if len(repeated) > REPETITIONS_SHOWN else ""
    repeat = "row repeats" if len(repeated) == 1 else "rows repeat"
    return [f"{len(repeated):,} {repeat} an earlier row: line {listed}{more}."]

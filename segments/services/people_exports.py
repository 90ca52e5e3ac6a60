"""A document as a table for people: the columns its file came with, numbers and dates as such.

Nothing is in it that only machines need, so it is not lossless; `exports` is.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import PurePath
from typing import Any, TypeAlias, cast

from django.db.models import Model, QuerySet

from datasets.models import DocForm, Document
from segments.files.names import METADATA_PREFIX
from segments.files.types import FileFormat
from segments.files.writers import Cell, Row, Table, cell_text, table_bytes
from segments.models import DocumentSegment, ImportJob, ParentSegment
from segments.models.import_job import ImportStatus
from segments.services.exports import export_name

FORMATS = (FileFormat.CSV, FileFormat.XLSX)
ROWS_AT_A_TIME = 2_000
PARTS = ("content", "answer", "keywords", "external_id", "enabled")
NAMES = {
    DocForm.TEXT: {"content": "Text"},
    DocForm.QA: {"content": "Question", "answer": "Answer"},
    DocForm.HIERARCHICAL: {"content": "Text"},
}
# A spreadsheet keeps 15 digits of a number; one with a zero in front is a code.
NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,11})(?:\.\d{1,3})?|-?0\.\d{1,15}")
DATE_FORMATS = ("%Y-%m-%d", "%d.%m.%Y")
TIME_FORMATS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
LONGEST_TYPED = 20

Values: TypeAlias = Mapping[str, Any]


class Kind(StrEnum):
    """What all values of a column are."""

    NUMBER = "number"
    DATE = "date"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class PeopleColumn:
    """A column of the table: its header, the part of a segment that it is, and its kind."""

    header: str
    part: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class _Contents:
    """What the segments have: the parts that any of them has, the kind of each metadata name."""

    parts: set[str]
    kinds: dict[str, Kind]

    def has(self, part: str) -> bool:
        """Whether any segment has the part."""
        return part in self.parts or _name(part) in self.kinds

    def kind_of(self, part: str) -> Kind:
        """What all values of the part are."""
        return self.kinds.get(_name(part) or "", Kind.TEXT)


def _name(part: str) -> str | None:
    """The name of a value of metadata; None for another part."""
    is_value = part.startswith(METADATA_PREFIX)
    return part.removeprefix(METADATA_PREFIX) if is_value else None


def export_for_people(document: Document, kind: FileFormat) -> Iterator[bytes]:
    """The document's segments in their order, as CSV or XLSX, in portions.

    Raises:
        ExportRefused: a segment does not fit into the format; the text says which.
    """
    columns = people_columns(document)
    table = Table(
        [column.header for column in columns],
        lambda: cast("Iterable[Row]", _rows(document, columns)),
        sheet="Segments",
        for_people=True,
    )
    return table_bytes(table, kind)


def people_export_name(document: Document, kind: FileFormat) -> str:
    """What to call the file."""
    path = PurePath(export_name(document, kind))
    return f"{path.stem} for people{path.suffix}"


def people_columns(document: Document) -> list[PeopleColumn]:
    """The columns of the last file that the segments have, then what else they have."""
    contents = _contents(document)
    wanted = dict(_of_file(document))
    names = NAMES[DocForm(document.doc_form)]
    for part in PARTS:
        if part in names or part in contents.parts:
            wanted.setdefault(part, names.get(part, part))
    for name in contents.kinds:
        wanted.setdefault(METADATA_PREFIX + name, name)
    return [
        PeopleColumn(header, part, contents.kind_of(part))
        for part, header in wanted.items()
        if part in names or contents.has(part)
    ]


def _of_file(document: Document) -> Iterator[tuple[str, str]]:
    """The parts of the last file that was imported, with the headers they had there."""
    jobs = ImportJob.objects.filter(document=document, status=ImportStatus.COMPLETED)
    job = jobs.filter(undone_at=None).order_by("-finished_at").first()
    details = job.file_details if job else {}
    seen = set()
    for header, part in zip(details.get("header", ()), details.get("uses", ()), strict=False):
        is_ours = part in PARTS or str(part).startswith(METADATA_PREFIX)
        if is_ours and part not in seen and not str(header).isdecimal():
            seen.add(part)
            yield part, header.removeprefix(METADATA_PREFIX)


def _contents(document: Document) -> _Contents:
    found = _segments(document).values_list("metadata", "keywords", "external_id", "enabled")
    parts: set[str] = set()
    kinds: dict[str, Kind] = {}
    for metadata, keywords, external_id, enabled in found.iterator(ROWS_AT_A_TIME):
        has = {"keywords": keywords, "external_id": external_id, "enabled": not enabled}
        parts |= {part for part, value in has.items() if value}
        for name, value in metadata.items():
            if (kind := _kind(value)) is not None:
                kinds[name] = kind if kinds.get(name, kind) == kind else Kind.TEXT
    return _Contents(parts, kinds)


def _segments(document: Document) -> QuerySet[Any]:
    """What the document's rows are: its segments, or the passages whose parts they are."""
    is_of_passages = document.doc_form == DocForm.HIERARCHICAL
    model: type[Model] = ParentSegment if is_of_passages else DocumentSegment
    return model._default_manager.filter(document=document).order_by("position")


def _kind(value: Any) -> Kind | None:
    """What a value is; None for one that is empty and so may stand in any column."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return Kind.TEXT
    if isinstance(value, int | float) or (isinstance(value, str) and NUMBER.fullmatch(value)):
        return Kind.NUMBER
    return Kind.DATE if isinstance(value, str) and _as_date(value) else Kind.TEXT


def _as_date(text: str) -> date | None:
    """The date, or the date and time, that a text is; None if it is neither."""
    if len(text) > LONGEST_TYPED or not text[:1].isdigit():
        return None
    for form in (*DATE_FORMATS, *TIME_FORMATS):
        try:
            found = datetime.strptime(text, form)  # noqa: DTZ007  (a cell has no time zone)
        except ValueError:
            continue
        return found.date() if form in DATE_FORMATS else found
    return None


def _rows(document: Document, columns: Iterable[PeopleColumn]) -> Iterator[list[Cell]]:
    columns = list(columns)
    plain = {column.part for column in columns} & set(PARTS)
    for values in _segments(document).values("metadata", *plain).iterator(ROWS_AT_A_TIME):
        yield [_cell(values, column) for column in columns]


def _cell(values: Values, column: PeopleColumn) -> Cell:
    name = _name(column.part)
    if name is None:
        return cell_text(values[column.part])
    value = values["metadata"].get(name)
    if column.kind == Kind.NUMBER and _kind(value) == Kind.NUMBER:
        return value if isinstance(value, int | float) else _number(value)
    if column.kind == Kind.DATE and isinstance(value, str) and (found := _as_date(value)):
        return found
    return cell_text(value)


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)

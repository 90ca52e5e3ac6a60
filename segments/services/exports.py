"""Files to download: a document's segments, and templates to fill in."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePath
from typing import Any
from uuid import UUID

from datasets.models import DocForm, Document
from segments.files.types import FileFormat, JSONValue
from segments.files.writers import Row, Table, table_bytes
from segments.models import DocumentSegment

# What an import reads, then what it passes over. Times are in UTC, as ISO 8601 writes them.
COLUMNS = {
    "segment_id": "id",
    "position": "position",
    "content": "content",
    "answer": "answer",
    "keywords": "keywords",
    "external_id": "external_id",
    "metadata": "metadata",
    "enabled": "enabled",
    "word_count": "word_count",
    "tokens": "tokens",
    "hit_count": "hit_count",
    "created_at": "created_at",
    "updated_at": "updated_at",
}
ROWS_AT_A_TIME = 2_000
FORMATS = (FileFormat.CSV, FileFormat.XLSX, FileFormat.JSONL)


def export_document(document: Document, kind: FileFormat) -> Iterator[bytes]:
    """The document's segments in their order, as they are at one moment, in portions.

    Raises:
        ExportRefused: a segment does not fit into the format; the text says which.
    """
    columns = [name for name in COLUMNS if name != "answer" or document.doc_form == DocForm.QA]
    return table_bytes(Table(columns, lambda: _rows(document, columns)), kind)


def export_name(document: Document, kind: FileFormat) -> str:
    """What to call the file."""
    kept = "".join(char if char.isalnum() or char in "-_. " else "_" for char in document.name)
    return f"{PurePath(kept).name.strip('. ') or 'segments'}.{kind}"


def _rows(document: Document, columns: list[str]) -> Iterator[Row]:
    segments = DocumentSegment.objects.filter(document=document).order_by("position")
    fields = [COLUMNS[name] for name in columns]
    for values in segments.values_list(*fields).iterator(ROWS_AT_A_TIME):
        yield [_plain(value) for value in values]


def _plain(value: Any) -> JSONValue:
    """A value that JSON has; ids and times as text."""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


EXAMPLES = {
    DocForm.TEXT: {
        "content": "The warranty lasts two years.",
        "keywords": "warranty, guarantee",
        "external_id": "manual-1",
        "metadata.page": "7",
        "enabled": "true",
    },
    DocForm.QA: {
        "question": "How long does the warranty last?",
        "answer": "Two years.",
        "keywords": "warranty, guarantee",
        "external_id": "faq-1",
        "metadata.page": "7",
        "enabled": "true",
    },
}
TEMPLATE_FORMATS = (FileFormat.CSV, FileFormat.XLSX)


def template(doc_form: DocForm, kind: FileFormat) -> Iterator[bytes]:
    """The file, in portions; it can be imported as it is."""
    example = EXAMPLES[doc_form]
    table = Table(list(example), lambda: [list(example.values())], keeps_shape=True)
    return table_bytes(table, kind)


def template_name(doc_form: DocForm, kind: FileFormat) -> str:
    """What to call the file."""
    what = "questions-and-answers" if doc_form == DocForm.QA else "passages"
    return f"{what}.{kind}"

"""Files to download: a document's segments, the file it was filled from, templates to fill in."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from tempfile import TemporaryFile
from typing import Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile

from django.core import signing
from django.db.models import Model

from datasets.models import DocForm, Document
from segments.files.types import FileFormat, JSONValue
from segments.files.writers import CONTENT_TYPES, Row, Table, table_bytes
from segments.models import DocumentSegment, ImportJob, ParentSegment
from segments.uploads import is_stored, upload_storage

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
PORTION_BYTES = 256 * 1024
FORMATS = (FileFormat.CSV, FileFormat.XLSX, FileFormat.JSONL)


def export_document(document: Document, kind: FileFormat) -> Iterator[bytes]:
    """The document's segments, or passages, in their order, as they are at one moment, in portions.

    Raises:
        ExportRefused: a segment does not fit into the format; the text says which.
    """
    columns = [name for name in COLUMNS if name != "answer" or document.doc_form == DocForm.QA]
    return table_bytes(Table(columns, lambda: _rows(document, columns)), kind)


def export_name(document: Document, kind: FileFormat) -> str:
    """What to call the file."""
    kept = "".join(char if char.isalnum() or char in "-_. " else "_" for char in document.name)
    return f"{PurePath(kept).name.strip('. ') or 'segments'}.{kind}"


def zip_documents(documents: Iterable[Document]) -> Iterator[bytes]:
    """An archive with each document as CSV, in portions; it is made on the disk first."""
    with TemporaryFile() as whole:
        with ZipFile(whole, "w", ZIP_DEFLATED) as archive:
            for number, document in enumerate(documents, 1):
                name = f"{number:03} {export_name(document, FileFormat.CSV)}"
                with archive.open(name, "w", force_zip64=True) as entry:
                    for portion in export_document(document, FileFormat.CSV):
                        entry.write(portion)
        whole.seek(0)
        while portion := whole.read(PORTION_BYTES):
            yield portion


# How long a link gives its file without a key.
LINK_SECONDS = 600
_SALT = "segments.link"


@dataclass(frozen=True, slots=True)
class FileLink:
    """An import whose file is stored, and the token of a link to the file."""

    job: ImportJob
    token: str


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """What a link gives: a name, a type, and the content, which can be read once."""

    name: str
    content_type: str
    portions: Iterator[bytes]


def link_to_export(document: Document) -> str:
    """The token of a link that gives the document as CSV for `LINK_SECONDS`."""
    return signing.dumps({"document": str(document.pk)}, salt=_SALT)


def link_to_file(document: Document) -> FileLink | None:
    """A link to the file of the last import into the document; None if it is not stored."""
    job = ImportJob.objects.filter(document=document).order_by("-created_at").first()
    if job is None or not is_stored(job.file_key):
        return None
    return FileLink(job, signing.dumps({"import": str(job.pk)}, salt=_SALT))


def open_link(token: str) -> LinkedFile | None:
    """What a link gives; None if it is not one of ours, is too old, or its file is gone."""
    try:
        signed = signing.loads(token, salt=_SALT, max_age=LINK_SECONDS)
    except signing.BadSignature:
        return None
    if "import" in signed:
        return _imported(signed["import"])
    document = Document.objects.filter(pk=signed["document"], dataset__enable_api=True).first()
    if document is None:
        return None
    kind = FileFormat.CSV
    portions = export_document(document, kind)
    return LinkedFile(export_name(document, kind), CONTENT_TYPES[kind], portions)


def _imported(job_id: str) -> LinkedFile | None:
    job = ImportJob.objects.filter(pk=job_id, dataset__enable_api=True).first()
    if job is None or not is_stored(job.file_key):
        return None
    return LinkedFile(job.file_name, "application/octet-stream", _stored(job.file_key))


def _stored(key: str) -> Iterator[bytes]:
    with upload_storage().open(key) as file:
        yield from file.chunks()


def _rows(document: Document, columns: list[str]) -> Iterator[Row]:
    is_of_parents = document.doc_form == DocForm.HIERARCHICAL
    model: type[Model] = ParentSegment if is_of_parents else DocumentSegment
    segments = model._default_manager.filter(document=document).order_by("position")
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
    example = EXAMPLES.get(doc_form, EXAMPLES[DocForm.TEXT])
    table = Table(list(example), lambda: [list(example.values())], keeps_shape=True)
    return table_bytes(table, kind)


def template_name(doc_form: DocForm, kind: FileFormat) -> str:
    """What to call the file."""
    what = "questions-and-answers" if doc_form == DocForm.QA else "passages"
    return f"{what}.{kind}"

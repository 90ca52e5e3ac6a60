"""Texts and text files into documents: cut into segments, which the one import makes of them."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import PurePath
from typing import IO, Any

from django.contrib.auth.models import User

from datasets.models import Dataset, DocForm, Document, new_batch
from segments.embedding import embedder_of
from segments.embedding.tokens import count_tokens
from segments.exceptions import ActionRefused, FileEmpty, FileTypeRefused, FileUnreadable
from segments.files.encodings import detect, undecodable
from segments.files.options import ImportMode, ImportOptions
from segments.files.splitting import SplitRule, split
from segments.files.types import FileFormat
from segments.models import ImportJob
from segments.models.import_job import ImportSource
from segments.services.imports import check_target, start_import
from segments.services.knowledge import create_document

TEXT_ENDINGS = frozenset({"txt", "text", "md", "markdown", "mdx"})
TABLE_ENDINGS = frozenset(kind.value for kind in FileFormat)
# A text is held in memory whole, and so are its pieces.
MAX_TEXT_BYTES = 16 * 1024 * 1024


def create_from_text(
    dataset: Dataset, name: str, text: str, rule: SplitRule, user: User | None = None
) -> Document:
    """A new document, whose segments workers make of `text`; `indexing_progress` tells how far.

    Raises:
        FileEmpty: the text is blank.
        ImportRefused: the dataset's model is not available. There is no new document then.
    """
    rows = _rows(dataset, text, rule)
    return _create(dataset, name, BytesIO(rows), _rows_name(name), DocForm.TEXT, user)


def refill_from_text(
    document: Document, text: str, rule: SplitRule, user: User | None = None
) -> Document:
    """Have workers replace the segments of a document by those of `text`, all at once.

    Segments whose text stays keep their ids, hit counts and vectors.

    Raises:
        FileEmpty: the text is blank.
        ActionRefused: the document takes no other segments now.
    """
    rows = _rows(document.dataset, text, rule)
    return _refill(document, BytesIO(rows), _rows_name(document.name), user)


def create_from_file(
    dataset: Dataset,
    file: IO[bytes],
    name: str,
    rule: SplitRule,
    doc_form: DocForm = DocForm.TEXT,
    user: User | None = None,
) -> Document:
    """As `create_from_text`, of a text file or Markdown; the rows of a table become segments.

    Raises:
        FileTypeRefused: files of that kind are not read.
        FileRefused: the file is blank, too large, or not in one encoding.
        ImportRefused: the dataset's model is not available.
    """
    if _ending(name) in TABLE_ENDINGS:
        return _create(dataset, name, file, name, doc_form, user)
    return create_from_text(dataset, name, _text_of(file, name), rule, user)


def refill_from_file(
    document: Document, file: IO[bytes], name: str, rule: SplitRule, user: User | None = None
) -> Document:
    """As `refill_from_text`, from a file as `create_from_file` reads them.

    Raises:
        FileTypeRefused, FileRefused: as `create_from_file`.
        ActionRefused: the document takes no other segments now.
    """
    if _ending(name) in TABLE_ENDINGS:
        return _refill(document, file, name, user)
    return refill_from_text(document, _text_of(file, name), rule, user)


def _create(
    dataset: Dataset,
    name: str,
    file: IO[bytes],
    file_name: str,
    doc_form: DocForm,
    user: User | None,
) -> Document:
    document = create_document(dataset, name, doc_form, user)
    try:
        job = start_import(document, file, file_name, source=ImportSource.API, user=user)
    except BaseException:
        document.delete()
        raise
    return _following(document, job)


def _refill(document: Document, file: IO[bytes], file_name: str, user: User | None) -> Document:
    if not document.is_available or ImportJob.objects.open().filter(document=document).exists():
        raise ActionRefused("Document is not available")
    check_target(document)
    options = ImportOptions(mode=ImportMode.REPLACE)
    job = start_import(
        document, file, file_name, source=ImportSource.API, user=user, options=options
    )
    return _following(document, job)


def _following(document: Document, job: ImportJob) -> Document:
    """The document with the import that tells how far its text is, and a batch to ask by."""
    document.indexing_job, document.batch = job.pk, new_batch()
    document.save(update_fields=["indexing_job", "batch", "updated_at"])
    return document


def _rows(dataset: Dataset, text: str, rule: SplitRule) -> bytes:
    """The pieces of the text as an import reads them.

    Raises:
        FileEmpty: there are none.
    """
    count = embedder_of(dataset).count_tokens if dataset.has_vectors else count_tokens
    pieces = split(text, rule, count)
    if not pieces:
        raise FileEmpty("The text is blank. Write something into it.")
    return b"".join(_lines(pieces))


def _lines(pieces: list[str]) -> Iterator[bytes]:
    for piece in pieces:
        row: dict[str, Any] = {"content": piece}
        yield json.dumps(row, ensure_ascii=False).encode(errors="replace") + b"\n"


def _rows_name(name: str) -> str:
    return f"{name[:200]}.jsonl"


def _ending(name: str) -> str:
    return PurePath(name).suffix.lstrip(".").lower()


def _text_of(file: IO[bytes], name: str) -> str:
    """The text of a file.

    Raises:
        FileTypeRefused: it is not a text by its name.
        FileUnreadable: it is too large to be held, or not in one encoding.
    """
    if _ending(name) not in TEXT_ENDINGS:
        raise FileTypeRefused("File type not allowed.")
    content = file.read(MAX_TEXT_BYTES + 1)
    if len(content) > MAX_TEXT_BYTES:
        raise FileUnreadable(f"{name} is larger than {MAX_TEXT_BYTES:,} bytes. Split it.")
    encoding = detect(BytesIO(content))
    try:
        return content.decode(encoding.codec)
    except UnicodeDecodeError as broken:
        raise undecodable(BytesIO(content), encoding) from broken

"""Texts and files into documents: cut into segments by the one import, which reads them."""

from dataclasses import replace
from io import BytesIO
from pathlib import PurePath
from typing import IO

from django.contrib.auth.models import User

from datasets.models import Dataset, DocForm, Document, new_batch
from segments.exceptions import ActionRefused, FileEmpty, FileTypeRefused
from segments.files.options import ImportMode, ImportOptions, ReadAs
from segments.files.types import DOCUMENT_FORMATS, FileFormat
from segments.models import ImportJob
from segments.models.import_job import ImportSource
from segments.services.imports import check_target, start_import
from segments.services.knowledge import create_document

TABLE_ENDINGS = frozenset(kind.value for kind in FileFormat if kind not in DOCUMENT_FORMATS)
TEXT_ENDINGS = frozenset({"txt", "text", "md", "markdown", "mdx", "html", "htm", "xhtml"})
DOCUMENT_ENDINGS = TEXT_ENDINGS | {"pdf", "docx"}
# A file that begins with so many blanks is blank for all we care.
BLANK_BYTES = 64 * 1024
TEXT = ImportOptions(read_as=ReadAs.TEXT)


def create_from_text(
    dataset: Dataset,
    name: str,
    text: str,
    options: ImportOptions = TEXT,
    doc_form: DocForm = DocForm.TEXT,
    user: User | None = None,
) -> Document:
    """A new document, whose segments workers make of `text`; `indexing_progress` tells how far.

    Raises:
        FileEmpty: the text is blank.
        ImportRefused: the dataset's model is not available. There is no new document then.
    """
    return _create(dataset, name, _file_of(text), _text_name(name), options, doc_form, user)


def refill_from_text(
    document: Document, text: str, options: ImportOptions = TEXT, user: User | None = None
) -> Document:
    """Have workers replace the segments of a document by those of `text`, all at once.

    Segments whose text stays keep their ids, hit counts and vectors.

    Raises:
        FileEmpty: the text is blank.
        ActionRefused: the document takes no other segments now.
    """
    return _refill(document, _file_of(text), _text_name(document.name), options, user)


def create_from_file(
    dataset: Dataset,
    file: IO[bytes],
    name: str,
    options: ImportOptions = TEXT,
    doc_form: DocForm = DocForm.TEXT,
    user: User | None = None,
) -> Document:
    """As `create_from_text`, of a PDF, DOCX, HTML, Markdown or text file, or the rows of a table.

    Raises:
        FileTypeRefused: files of that kind are not read.
        FileRefused: the file is blank or too large.
        ImportRefused: the dataset's model is not available.
    """
    options = _options_for(file, name, options)
    return _create(dataset, name, file, name, options, doc_form, user)


def refill_from_file(
    document: Document,
    file: IO[bytes],
    name: str,
    options: ImportOptions = TEXT,
    user: User | None = None,
) -> Document:
    """As `refill_from_text`, from a file as `create_from_file` reads them.

    Raises:
        FileTypeRefused, FileRefused: as `create_from_file`.
        ActionRefused: the document takes no other segments now.
    """
    return _refill(document, file, name, _options_for(file, name, options), user)


def _create(
    dataset: Dataset,
    name: str,
    file: IO[bytes],
    file_name: str,
    options: ImportOptions,
    doc_form: DocForm,
    user: User | None,
) -> Document:
    document = create_document(dataset, name, doc_form, user)
    try:
        job = start_import(
            document, file, file_name, source=ImportSource.API, user=user, options=options
        )
    except BaseException:
        document.delete()
        raise
    return _following(document, job)


def _refill(
    document: Document,
    file: IO[bytes],
    file_name: str,
    options: ImportOptions,
    user: User | None,
) -> Document:
    if not document.is_available or ImportJob.objects.open().filter(document=document).exists():
        raise ActionRefused("Document is not available")
    check_target(document)
    options = replace(options, mode=ImportMode.REPLACE)
    job = start_import(
        document, file, file_name, source=ImportSource.API, user=user, options=options
    )
    return _following(document, job)


def _following(document: Document, job: ImportJob) -> Document:
    """The document with the import that tells how far its text is, and a batch to ask by."""
    document.indexing_job, document.batch = job.pk, new_batch()
    document.save(update_fields=["indexing_job", "batch", "updated_at"])
    return document


def _file_of(text: str) -> IO[bytes]:
    """Raises FileEmpty: the text is blank."""
    if not text.strip():
        raise FileEmpty("The text is blank. Write something into it.")
    return BytesIO(text.encode(errors="replace"))


def _text_name(name: str) -> str:
    return f"{name[:200]}.txt"


def _options_for(file: IO[bytes], name: str, options: ImportOptions) -> ImportOptions:
    """The options for a file of that name: how texts are cut means nothing to a table.

    Raises:
        FileTypeRefused: files of that kind are not read.
        FileEmpty: the file is blank.
    """
    ending = PurePath(name).suffix.lstrip(".").lower()
    if ending in TABLE_ENDINGS:
        return ImportOptions()
    if ending not in DOCUMENT_ENDINGS:
        raise FileTypeRefused("File type not allowed.")
    start = file.read(BLANK_BYTES)
    file.seek(0)
    if len(start) < BLANK_BYTES and not start.strip():
        raise FileEmpty("The file is blank. Write something into it.")
    return options

"""Files that come and go over HTTP: received within limits, stored under our names, sent."""

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from pathlib import PurePath
from typing import IO, Any
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import File
from django.core.files.storage import Storage, default_storage, storages
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler
from django.db.models import Max
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from datasets.models import Tenant
from segments.exceptions import (
    FileTooLarge,
    FileUnreadable,
    NoFileUploaded,
    TooManyFiles,
    UploadNotFound,
)
from segments.files.types import FileFormat
from segments.files.writers import CONTENT_TYPES
from segments.models import ImportJob, UploadFile

READ_BYTES = 1024 * 1024
FOLDER = "imports"
# A project's own storage for uploads, in its STORAGES; without it they are in the default one.
STORAGE_ALIAS = "segmill"
NAME_CHARS = 255
MIME_TYPE_CHARS = 255
# How long an uploaded file may wait to be imported.
UPLOADED_FOR = timedelta(hours=24)
# A little longer, so that no file is removed while its import is being confirmed.
UNUSED_FOR = UPLOADED_FOR + timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the storage: the user's name for it, our key, size and hash."""

    name: str
    key: str
    sha256: str
    size: int


def upload_storage() -> Storage:
    """Where uploads are kept: the project's storage for them, or its default one."""
    return storages[STORAGE_ALIAS] if STORAGE_ALIAS in storages.backends else default_storage


def store_file(file: IO[bytes], name: str) -> StoredFile:
    """Store `file`, hashed and counted as it streams by.

    Raises:
        FileTooLarge: over `SEGMILL_MAX_FILE_BYTES`; nothing is stored.
        FileUnreadable: it cannot be read to its end, or the storage does not accept it.
    """
    shown_name = PurePath(name).name.encode(errors="replace").decode()[-NAME_CHARS:]
    stream, key = _Hashing(file), f"{FOLDER}/{uuid.uuid4().hex}"
    try:
        key = upload_storage().save(key, stream)
        stream.refuse_too_large(shown_name)
    except OSError as trouble:
        discard_file(key)
        raise FileUnreadable(
            f"{shown_name} could not be copied to the uploads: {trouble.strerror or trouble}. "
            "Check the file, and the space where SEGMILL_HOME is."
        ) from trouble
    except BaseException:
        discard_file(key)
        raise
    return StoredFile(shown_name, key, stream.sha256.hexdigest(), stream.bytes_read)


def keep_upload(
    tenant: Tenant,
    file: IO[bytes],
    name: str,
    mime_type: str,
    user: User | None = None,
    dataset_id: UUID | None = None,
) -> UploadFile:
    """Store `file` for a later import; it is removed after `UPLOADED_FOR`.

    `dataset_id` is the dataset that it may go into; None for all of the tenant's.

    Raises:
        FileTooLarge: over `SEGMILL_MAX_FILE_BYTES`; nothing is kept.
    """
    stored = store_file(file, name)
    try:
        return UploadFile.objects.create(
            tenant=tenant,
            dataset_id=dataset_id,
            name=stored.name,
            key=stored.key,
            sha256=stored.sha256,
            size=stored.size,
            mime_type=mime_type[:MIME_TYPE_CHARS],
            created_by=user,
        )
    except BaseException:
        discard_file(stored.key)
        raise


def find_upload(tenant: Tenant, upload_id: UUID, dataset_id: UUID | None = None) -> StoredFile:
    """The tenant's uploaded file, as it is stored; of those for one dataset if that is given.

    Raises:
        UploadNotFound: the tenant has no upload with this id, or it has been removed.
    """
    uploads = UploadFile.objects.filter(tenant=tenant, pk=upload_id)
    if dataset_id is not None:
        uploads = uploads.filter(dataset=dataset_id)
    upload = uploads.first()
    if upload is None or not is_stored(upload.key):
        raise UploadNotFound(str(upload_id), remedy="Upload the file again.")
    return StoredFile(upload.name, upload.key, upload.sha256, upload.size)


def discard_file(key: str) -> None:
    """Remove a stored file; it may be gone already."""
    upload_storage().delete(key)


def is_stored(key: str) -> bool:
    """Whether the file is still there."""
    return upload_storage().exists(key)


def find_stale_files() -> list[str]:
    """The keys of files that are no longer needed.

    These are files that were uploaded but not imported within `UNUSED_FOR`, and those of imports
    that ended `SEGMILL_KEEP_FILES_DAYS` ago, which can no longer be retried.
    """
    return [key for key in stored_keys() if _is_stale(key)]


def remove_stale_files() -> int:
    """Remove the files that are no longer needed; returns how many."""
    stale = find_stale_files()
    for key in stale:
        upload_storage().delete(key)
    UploadFile.objects.filter(key__in=stale).delete()
    return len(stale)


def stored_keys() -> list[str]:
    """The keys of all stored files."""
    try:
        _, names = upload_storage().listdir(FOLDER)
    except FileNotFoundError:
        return []
    return [f"{FOLDER}/{name}" for name in names]


def _is_stale(key: str) -> bool:
    jobs = ImportJob.objects.filter(file_key=key)
    if jobs.open().exists():
        return False
    last_end = jobs.aggregate(last=Max("finished_at"))["last"]
    if last_end is not None:
        return bool(last_end < timezone.now() - timedelta(days=settings.SEGMILL_KEEP_FILES_DAYS))
    try:
        return upload_storage().get_modified_time(key) < timezone.now() - UNUSED_FOR
    except FileNotFoundError:  # another process has just removed it
        return False


class _Hashing(File[bytes]):
    """A file that is hashed and counted while the storage reads it."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self._source = file
        self.sha256 = hashlib.sha256()
        self.bytes_read = 0

    @property
    def is_too_large(self) -> bool:
        return self.bytes_read > settings.SEGMILL_MAX_FILE_BYTES

    def refuse_too_large(self, name: str) -> None:
        if self.is_too_large:
            raise FileTooLarge(
                f"{name} is larger than {settings.SEGMILL_MAX_FILE_BYTES:,} bytes "
                "(SEGMILL_MAX_FILE_BYTES). Split it."
            )

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The file in portions; it ends early once it is too large."""
        while not self.is_too_large and (portion := self._source.read(READ_BYTES)):
            self.sha256.update(portion)
            self.bytes_read += len(portion)
            yield portion


REFUSAL_ATTRIBUTE = "_upload_refusal"


class LimitedUploadHandler(TemporaryFileUploadHandler):
    """Writes a file to disk and stops at `SEGMILL_MAX_FILE_BYTES`, whatever its header said.

    Django does not let handlers raise their own errors: the refusal is kept on the request, where
    `received_file` finds it.
    """

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Keep a portion.

        Raises:
            StopUpload: the file is too large now; the rest is not read.
        """
        if start + len(raw_data) > settings.SEGMILL_MAX_FILE_BYTES:
            setattr(self.request, REFUSAL_ATTRIBUTE, too_large())
            raise StopUpload(connection_reset=True)
        super().receive_data_chunk(raw_data, start)


def too_large() -> FileTooLarge:
    """The refusal of a file that is over the limit."""
    return FileTooLarge(
        f"File size exceeded. {settings.SEGMILL_MAX_FILE_BYTES:,} bytes are allowed "
        "(SEGMILL_MAX_FILE_BYTES). Split the file."
    )


def refuse_large_body(request: HttpRequest, beside: int = 1024 * 1024) -> None:
    """Refuse a body by its announced length if it is too large, before reading any of it.

    `beside` is the size that a form may have besides its file, in bytes.

    Raises:
        FileTooLarge: it is longer than both together.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdecimal() and int(length) > settings.SEGMILL_MAX_FILE_BYTES + beside:
        raise too_large()


def received_file(request: HttpRequest, field: str = "file") -> UploadedFile[Any]:
    """The one file of a form.

    Raises:
        FileTooLarge: it was cut off.
        NoFileUploaded, TooManyFiles: there is none, or more than one.
    """
    files = [file for _, files in request.FILES.lists() for file in files]
    if refusal := getattr(request, REFUSAL_ATTRIBUTE, None):
        raise refusal
    if len(files) > 1:
        raise TooManyFiles("Only one file is allowed.")
    file = request.FILES.get(field)
    if file is None:
        raise NoFileUploaded("Please upload your file.")
    return file


def download(portions: Iterator[bytes], name: str, kind: FileFormat) -> StreamingHttpResponse:
    """A response that sends a file; an error in its first portion is raised here.

    Raises:
        ExportRefused: a row does not fit into the format.
    """
    return attachment(portions, name, CONTENT_TYPES[kind])


def attachment(portions: Iterator[bytes], name: str, content_type: str) -> StreamingHttpResponse:
    """As `download`, of a file of any type; no browser shows it as a page."""
    whole = chain([next(portions, b"")], portions)
    response = StreamingHttpResponse(whole, content_type=content_type)
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response["X-Content-Type-Options"] = "nosniff"
    return response

"""Uploaded files, kept in the storage under names that we generate."""

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import IO
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db.models import Max
from django.utils import timezone

from datasets.models import Tenant
from segments.exceptions import FileTooLarge, FileUnreadable, UploadNotFound
from segments.models import ImportJob, UploadFile

READ_BYTES = 1024 * 1024
FOLDER = "imports"
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


def store_file(file: IO[bytes], name: str) -> StoredFile:
    """Store `file`, hashed and counted as it streams by.

    Raises:
        FileTooLarge: over `SEGMILL_MAX_FILE_BYTES`; nothing is stored.
        FileUnreadable: it cannot be read to its end, or the storage does not accept it.
    """
    shown_name = PurePath(name).name.encode(errors="replace").decode()[-NAME_CHARS:]
    stream, key = _Hashing(file), f"{FOLDER}/{uuid.uuid4().hex}"
    try:
        key = default_storage.save(key, stream)
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
    tenant: Tenant, file: IO[bytes], name: str, mime_type: str, user: User | None = None
) -> UploadFile:
    """Store `file` for a later import; it is removed after `UPLOADED_FOR`.

    Raises:
        FileTooLarge: over `SEGMILL_MAX_FILE_BYTES`; nothing is kept.
    """
    stored = store_file(file, name)
    try:
        return UploadFile.objects.create(
            tenant=tenant,
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


def find_upload(tenant: Tenant, upload_id: UUID) -> StoredFile:
    """The tenant's uploaded file, as it is stored.

    Raises:
        UploadNotFound: the tenant has no upload with this id, or it has been removed.
    """
    upload = UploadFile.objects.filter(tenant=tenant, pk=upload_id).first()
    if upload is None or not is_stored(upload.key):
        raise UploadNotFound(str(upload_id), remedy="Upload the file again.")
    return StoredFile(upload.name, upload.key, upload.sha256, upload.size)


def discard_file(key: str) -> None:
    """Remove a stored file; it may be gone already."""
    default_storage.delete(key)


def is_stored(key: str) -> bool:
    """Whether the file is still there."""
    return default_storage.exists(key)


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
        default_storage.delete(key)
    UploadFile.objects.filter(key__in=stale).delete()
    return len(stale)


def stored_keys() -> list[str]:
    """The keys of all stored files."""
    try:
        _, names = default_storage.listdir(FOLDER)
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
        return default_storage.get_modified_time(key) < timezone.now() - UNUSED_FOR
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

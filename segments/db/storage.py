"""Uploaded files in the database, for hosts that share no disk.

A file is pieces of `PIECE_BYTES`, so that neither writing nor reading it fills the memory. Only
uploads lie here, and only until their imports are removed, as with any other storage; once an
import is prepared it no longer needs its file.
"""

import tempfile
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import Storage
from django.db import connection, transaction
from django.utils.deconstruct import deconstructible

PIECE_BYTES = 1024 * 1024

ADD = "INSERT INTO segments_uploadpiece (key, number, content) VALUES (%s, %s, %s)"
READ = "SELECT content FROM segments_uploadpiece WHERE key = %s AND number = %s"
REMOVE = "DELETE FROM segments_uploadpiece WHERE key = %s"
SIZE = "SELECT sum(length(content)), count(*) FROM segments_uploadpiece WHERE key = %s"
STORED_AT = "SELECT max(at) FROM segments_uploadpiece WHERE key = %s"
# Of names such as imports/0f3c…: those in a folder.
LIST = r"SELECT DISTINCT key FROM segments_uploadpiece WHERE key LIKE %s ESCAPE '\'"


@deconstructible
class DatabaseStorage(Storage):
    """Django's interface for it. `STORAGES["segmill"]` names it."""

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        """A copy on this host's disk: whoever reads it may use the connection meanwhile.

        Raises:
            FileNotFoundError: there is no such file.
        """
        copy = tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115  (returned)
        with connection.cursor() as cursor:
            for number in count():
                cursor.execute(READ, [name, number])
                if (row := cursor.fetchone()) is None:
                    break
                copy.write(row[0])
        if not number:
            copy.close()
            raise FileNotFoundError(2, "No such file", name)
        copy.seek(0)
        return File(copy, name)

    @transaction.atomic
    def _save(self, name: str, content: Any) -> str:
        with connection.cursor() as cursor:
            number = -1
            for number, piece in enumerate(_pieces_of(content)):
                cursor.execute(ADD, [name, number, piece])
            if number < 0:  # an empty file is there, too
                cursor.execute(ADD, [name, 0, b""])
        return name

    def delete(self, name: str) -> None:
        """Remove the file, if it is there."""
        with connection.cursor() as cursor:
            cursor.execute(REMOVE, [name])

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return self._size(name) is not None

    def size(self, name: str) -> int:
        """Its bytes.

        Raises:
            FileNotFoundError: there is no such file.
        """
        if (size := self._size(name)) is None:
            raise FileNotFoundError(2, "No such file", name)
        return size

    def get_modified_time(self, name: str) -> datetime:
        """When it was stored.

        Raises:
            FileNotFoundError: there is no such file.
        """
        with connection.cursor() as cursor:
            cursor.execute(STORED_AT, [name])
            (moment,) = cursor.fetchone()
        if moment is None:
            raise FileNotFoundError(2, "No such file", name)
        return datetime.fromisoformat(str(moment))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """No folders, and the files in one."""
        start = f"{path.rstrip('/')}/" if path else ""
        escaped = start.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        with connection.cursor() as cursor:
            cursor.execute(LIST, [f"{escaped}%"])
            return [], sorted(key.removeprefix(start) for (key,) in cursor.fetchall())

    def _size(self, name: str) -> int | None:
        with connection.cursor() as cursor:
            cursor.execute(SIZE, [name])
            size, pieces = cursor.fetchone()
        return int(size or 0) if pieces else None


def _pieces_of(content: Any) -> Iterator[bytes]:
    """The file in pieces of `PIECE_BYTES`, the last one smaller."""
    left = b""
    for portion in content.chunks() if hasattr(content, "chunks") else iter(content.read, b""):
        left += portion
        while len(left) >= PIECE_BYTES:
            yield left[:PIECE_BYTES]
            left = left[PIECE_BYTES:]
    if left:
        yield left

"""Text formats packed with gzip: unpacked as they are read, never on disk or as a whole."""

import gzip
import io
import zlib
from typing import IO, cast

from segments.exceptions import FileMalformed, FormatUnknown
from segments.importing.formats.foreign import foreign
from segments.importing.formats.metered import Deadline, metered

MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"


def is_gzipped(start: bytes) -> bool:
    """Whether a file that begins so is packed with gzip."""
    return start.startswith(MAGIC)


def unpacked(file: IO[bytes], name: str, deadline: Deadline) -> io.BufferedReader:
    """What is packed in `file`.

    Raises:
        FormatUnknown: something that is packed already.
        FileMalformed: here or while it is read: the file breaks off or is damaged.
    """
    file.seek(0)
    reader = metered(cast("IO[bytes]", _Unpacking(file)), deadline, packed=file.tell)
    start = reader.peek(len(ZIP_MAGIC))
    if start.startswith((MAGIC, ZIP_MAGIC)):
        what = "packed twice" if start.startswith(MAGIC) else "a packed archive"
        raise foreign(name, what, "Unpack it and import the file inside.")
    return reader


class _Unpacking:
    """A gzip file whose faults are refusals."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = gzip.GzipFile(fileobj=file, mode="rb")

    def read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except EOFError as error:
            raise FileMalformed(1, "the packed file breaks off.", "Send it again.") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise FormatUnknown(
                f"The packed file is damaged ({error}). Pack it again, or import it unpacked."
            ) from error

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

"""A file as readers get it: metered, unpacked, with its name and first bytes."""

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cached_property
from time import monotonic
from typing import IO, TYPE_CHECKING, cast

from segments.exceptions import FileMalformed, FileTooLarge, FileTooSlow, FormatUnknown
from segments.files import encodings
from segments.files.detect import foreign
from segments.files.encodings import Encoding
from segments.files.header import Frame, Wanted, find_header, rows_below
from segments.files.options import ImportOptions
from segments.files.splitting import CHARACTERS, Measure
from segments.files.types import FileDetails, RawRow, Sheet

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BUFFER_BYTES = 64 * 1024
# Small files may be as repetitive as they like: a table of empty lines compresses 1,000 to 1.
FREE_BYTES = 16 * 1024 * 1024
# How much larger than that a compressed file (gzip, XLSX) may unpack: real tables compress 5 to 40
# times, bombs 1,000 times.
MAX_UNPACKED_BYTES = 4 * 1024**3
MAX_UNPACKED_RATIO = 100
# Reading and checking 5,000,000 rows takes some four minutes; below a task's time limit.
MAX_PARSE_SECONDS = 1_800


@dataclass(frozen=True, slots=True)
class Deadline:
    """When reading has to be finished, on this process's clock."""

    at: float
    seconds: int

    @classmethod
    def from_now(cls) -> "Deadline":
        """`MAX_PARSE_SECONDS` from now."""
        seconds = MAX_PARSE_SECONDS
        return cls(monotonic() + seconds, seconds)

    def check(self) -> None:
        """Raise if the time is over.

        Raises:
            FileTooSlow: the time is over.
        """
        if monotonic() > self.at:
            raise FileTooSlow(f"Reading the file took longer than {self.seconds:,} s. Split it.")


class MeteredFile(io.RawIOBase):
    """The bytes of `source`, counted; `packed` is the size they were unpacked from.

    Reading raises:
        FileTooSlow: the deadline is over.
        FileTooLarge: `MAX_UNPACKED_BYTES` or `MAX_UNPACKED_RATIO` is exceeded.
    """

    def __init__(
        self, source: IO[bytes], deadline: Deadline, packed: Callable[[], int] | None = None
    ) -> None:
        self._source, self._deadline, self._packed = source, deadline, packed
        self._count = 0

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill `buffer` as far as the source has bytes."""
        view = memoryview(buffer)
        block = self._source.read(len(view))
        view[: len(block)] = block
        self._count += len(block)
        self._deadline.check()
        if self._packed:
            check_unpacked(self._count, self._packed())
        return len(block)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a place in the source; bytes that are read again are not counted again."""
        self._count = self._source.seek(offset, whence)
        return self._count

    def tell(self) -> int:
        """Bytes read since the beginning."""
        return self._count


def metered(
    source: IO[bytes], deadline: Deadline, packed: Callable[[], int] | None = None
) -> io.BufferedReader:
    """`source` through a meter and a buffer."""
    return io.BufferedReader(MeteredFile(source, deadline, packed), BUFFER_BYTES)


def check_unpacked(unpacked: int, packed: int) -> None:
    """Refuse data that unpacks to more than the limits.

    Raises:
        FileTooLarge: naming the limit.
    """
    if unpacked > MAX_UNPACKED_BYTES:
        raise FileTooLarge(
            f"Uncompressed, the file is larger than {MAX_UNPACKED_BYTES:,} bytes. Split it."
        )
    if unpacked > FREE_BYTES and unpacked > MAX_UNPACKED_RATIO * max(packed, 1):
        raise FileTooLarge(
            f"Uncompressed, the file is over {MAX_UNPACKED_RATIO} times as large, "
            "as only malicious archives are. Import it uncompressed."
        )


MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"


def is_gzipped(start: bytes) -> bool:
    """Whether a file that begins with `start` is compressed with gzip."""
    return start.startswith(MAGIC)


def unpacked(file: IO[bytes], name: str, deadline: Deadline) -> io.BufferedReader:
    """The uncompressed content of `file`.

    Raises:
        FormatUnknown: the content is compressed again.
        FileMalformed: here or while it is read: the file breaks off or is damaged.
    """
    file.seek(0)
    reader = metered(cast("IO[bytes]", _Unpacking(file)), deadline, packed=file.tell)
    start = reader.peek(len(ZIP_MAGIC))
    if start.startswith((MAGIC, ZIP_MAGIC)):
        what = "compressed twice" if start.startswith(MAGIC) else "a compressed archive"
        raise foreign(name, what, "Unpack it and import the file inside.")
    return reader


class _Unpacking:
    """A gzip file whose errors are refusals."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = gzip.GzipFile(fileobj=file, mode="rb")

    def read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except EOFError as error:
            raise FileMalformed(1, "the compressed file is cut off.", "Send it again.") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise FormatUnknown(
                f"The compressed file is damaged ({error}). "
                "Compress it again, or import it uncompressed."
            ) from error

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)


# Enough to recognise every format, and to see some rows of a table whose delimiter is unknown.
START_BYTES = 64 * 1024


@dataclass(frozen=True)
class OpenedFile:
    """A file at its beginning.

    `source` is the file itself, `content` the same through a meter and, if it was packed, unpacked.
    `position()` is the number of bytes of the file read so far, as its owner counts them.
    `known_header` is that of the last file of the same kind, if there was one. `measure` counts
    the tokens of a text that is cut into rows.
    """

    name: str
    source: IO[bytes]
    content: io.BufferedReader
    start: bytes
    options: ImportOptions
    deadline: Deadline
    position: Callable[[], int]
    is_packed: bool = False
    known_header: tuple[str, ...] = ()
    measure: Measure = CHARACTERS

    @cached_property
    def encoding(self) -> Encoding:
        """The encoding of a text: the one chosen, or the one detected."""
        if self.options.encoding:
            return encodings.chosen(self.options.encoding)
        return encodings.detect(self.content)

    @cached_property
    def text_start(self) -> str:
        """The first characters of a text, as far as they can be decoded."""
        decoder = codecs.getincrementaldecoder(self.encoding.codec)(errors="replace")
        return decoder.decode(self.start)

    def text(self, errors: str = "strict") -> io.TextIOWrapper:
        """The text from its beginning, with its line ends unchanged."""
        self.content.seek(0)
        return io.TextIOWrapper(
            self.content, encoding=self.encoding.codec, errors=errors, newline=""
        )


def sheet_of(
    rows: Generator[RawRow],
    details: FileDetails,
    opened: OpenedFile,
    notices: list[str] | None = None,
    frame: Frame | None = None,
) -> Sheet:
    """The sheet whose header stands among the first of `rows`; numbers, if the file has none.

    Raises:
        FileEmpty: there is no row.
        HeaderRefused: the row of the header that was chosen does not exist.
    """
    options, notices = opened.options, [] if notices is None else notices
    wanted = Wanted(options.header_row, options.no_header, opened.known_header)
    try:
        found = find_header(rows, wanted, frame)
    except BaseException:
        rows.close()
        raise
    notices += found.notices
    rows = found.rows if options.no_header else rows_below(found, notices)
    return Sheet(found.header, found.line, rows, opened.position, details, notices, found.sample)

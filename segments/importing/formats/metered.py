"""What every reader reads its bytes through: the limits that guard against bombs.

A parser must come back for bytes, so this is the one place where time and size can be checked,
whatever the format, and however slowly its rows come.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import IO, TYPE_CHECKING

from django.conf import settings

from segments.exceptions import FileTooLarge, FileTooSlow

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BUFFER_BYTES = 64 * 1024
# Small files may be as repetitive as they like: a table of empty lines packs 1,000 to 1.
FREE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Deadline:
    """When reading has to be done, on this process's clock."""

    at: float
    seconds: int

    @classmethod
    def from_settings(cls) -> "Deadline":
        """`SEGMILL_MAX_PARSE_SECONDS` from now."""
        seconds = settings.SEGMILL_MAX_PARSE_SECONDS
        return cls(monotonic() + seconds, seconds)

    def check(self) -> None:
        """Go on, unless the time is over.

        Raises:
            FileTooSlow: it is.
        """
        if monotonic() > self.at:
            raise FileTooSlow(
                f"Reading the file took longer than {self.seconds:,} s "
                "(SEGMILL_MAX_PARSE_SECONDS). Split it."
            )


class MeteredFile(io.RawIOBase):
    """The bytes of `source`, counted; `packed` tells from how many bytes they were unpacked.

    Reading raises:
        FileTooSlow: the deadline is over.
        FileTooLarge: `SEGMILL_MAX_UNPACKED_BYTES` or `SEGMILL_MAX_UNPACKED_RATIO` is exceeded.
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
        """Go somewhere in the source; what is read again is not counted again."""
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
    """Refuse bytes that swell beyond the limits.

    Raises:
        FileTooLarge: naming the limit.
    """
    if unpacked > settings.SEGMILL_MAX_UNPACKED_BYTES:
        raise FileTooLarge(
            f"Unpacked, the file is larger than {settings.SEGMILL_MAX_UNPACKED_BYTES:,} bytes "
            "(SEGMILL_MAX_UNPACKED_BYTES). Split it."
        )
    if unpacked > FREE_BYTES and unpacked > settings.SEGMILL_MAX_UNPACKED_RATIO * max(packed, 1):
        raise FileTooLarge(
            f"Unpacked, the file is over {settings.SEGMILL_MAX_UNPACKED_RATIO} times as large "
            "(SEGMILL_MAX_UNPACKED_RATIO), as archives made to do harm are. Import it unpacked."
        )

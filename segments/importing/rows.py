"""file ─read_rows─► RawRow: any file Segmill understands, opened as a `Sheet`.

A format joins by one class of the shape `Reader` and its place in `READERS`.
"""

from collections.abc import Sequence
from pathlib import PurePath
from typing import BinaryIO, Protocol

from segments.exceptions import FileEmpty, FormatUnknown
from segments.importing.delimited import CSVReader, TSVReader
from segments.importing.types import Sheet

PEEK_BYTES = 4096
UTF8_BOM = b"\xef\xbb\xbf"


class Reader(Protocol):
    """Opens files of one format."""

    def recognises(self, name: str, start: bytes) -> bool:
        """Whether a file of this name that begins with `start` is of this format."""
        ...

    def open(self, file: BinaryIO) -> Sheet:
        """The sheet of `file`, which stands at its beginning; rows are read when asked for.

        Raises:
            FileRefused: here or while the rows are read; the text names the line.
        """
        ...


READERS: Sequence[Reader] = (TSVReader(), CSVReader())


def open_sheet(file: BinaryIO, name: str) -> Sheet:
    """The rows of `file`, whose name is `name`.

    Raises:
        FileRefused: it is empty, of no known format, or broken.
    """
    start = file.read(PEEK_BYTES)
    file.seek(0)
    if len(start) < PEEK_BYTES and not start.removeprefix(UTF8_BOM).strip():
        raise FileEmpty(f"{PurePath(name).name} is empty. Put a header and rows into it.")
    for reader in READERS:
        if reader.recognises(name, start):
            return reader.open(file)
    raise FormatUnknown(f"{PurePath(name).name} is of no format Segmill reads. Use CSV or TSV.")

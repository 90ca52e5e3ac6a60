"""The texts that a workbook's cells share, kept on disk: there may be more than fit in memory."""

import mmap
import re
import tempfile
from array import array
from collections.abc import Mapping
from typing import IO

from segments.importing.formats.xlsx.xml import XMLRefused, blocks, parser

# Characters XML cannot hold are written as _xHHHH_ (ECMA-376 part 1, 22.9.2.19, ST_Xstring).
ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


def unescaped(text: str) -> str:
    """`text` with the characters that XML cannot hold."""
    if "_x" not in text:
        return text
    found = ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


class SharedStrings:
    """The texts by their number."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        """Read all texts of a part; none without a part.

        Raises:
            XMLRefused: it is not well-formed.
        """
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        self._ends = array("Q")
        self._text: list[str] = []
        self._is_text = self._is_phonetic = False
        self._prefix = ""
        self._map: mmap.mmap | bytes = b""
        try:
            if stream is not None:
                self._read(stream)
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, number: int) -> str:
        if number < 0:
            raise IndexError(number)
        start = self._ends[number - 1] if number else 0
        return self._map[start : self._ends[number]].decode("utf-8", "surrogatepass")

    def _read(self, stream: IO[bytes]) -> None:
        for _ in blocks(stream, parser(self._start, self._end, self._characters)):
            pass
        self._file.flush()
        if self._ends and self._ends[-1]:
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    def close(self) -> None:
        """Free the disk."""
        if isinstance(self._map, mmap.mmap):
            self._map.close()
        self._file.close()

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name.endswith("sst"):
            self._prefix = name[:-3]
        local = name.removeprefix(self._prefix)
        if local == "t":
            self._is_text = not self._is_phonetic
        elif local == "rPh":
            self._is_phonetic = True
        elif local == "si":
            self._text.clear()

    def _end(self, name: str) -> None:
        local = name.removeprefix(self._prefix)
        if local == "t":
            self._is_text = False
        elif local == "rPh":
            self._is_phonetic = False
        elif local == "si":
            self._keep(unescaped("".join(self._text)))

    def _characters(self, text: str) -> None:
        if self._is_text:
            self._text.append(text)

    def _keep(self, text: str) -> None:
        encoded = text.encode("utf-8", "surrogatepass")
        self._file.write(encoded)
        before = self._ends[-1] if self._ends else 0
        self._ends.append(before + len(encoded))


__all__ = ["SharedStrings", "XMLRefused", "unescaped"]

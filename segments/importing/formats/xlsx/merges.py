"""Cells merged with others: they stand behind the rows, so they are looked for beforehand."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from operator import attrgetter
from typing import IO

from segments.importing.formats.xlsx.cells import LAST_COLUMN, LAST_ROW
from segments.importing.formats.xlsx.xml import BLOCK_BYTES, XMLRefused

# A merge is written in some 30 bytes: <mergeCell ref="A2:B10"/>.
MERGE = re.compile(
    rb"<(?:\w+:)?mergeCell\s[^<>]{0,200}?ref=[\"']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})[\"']"
)
LONGEST_MERGE = 300
MAX_MERGES = 100_000


@dataclass(frozen=True, slots=True)
class Merge:
    """A block of merged cells: rows from 1, columns from 0, both ends included."""

    top: int
    left: int
    bottom: int
    right: int


class Merges:
    """The merged blocks of a sheet, asked row by row in their order."""

    def __init__(self, merges: list[Merge]) -> None:
        self._merges = sorted(merges, key=attrgetter("top"))
        self._tops = [merge.top for merge in self._merges]
        self._active: list[Merge] = []
        self._taken = 0

    def covering(self, row: int) -> list[Merge]:
        """The blocks with cells in `row`; rows must be asked for in rising order."""
        if not self._merges:
            return []
        upto = bisect_right(self._tops, row)
        self._active += self._merges[self._taken : upto]
        self._taken = max(self._taken, upto)
        self._active = [merge for merge in self._active if merge.bottom >= row]
        return self._active


def find_merges(stream: IO[bytes]) -> Merges:
    """The merged blocks that a sheet's XML lists.

    Raises:
        XMLRefused: there are more than `MAX_MERGES`.
    """
    found: list[Merge] = []
    held = b""
    while block := stream.read(BLOCK_BYTES):
        held += block
        end = 0
        if b"mergeCell" in held:
            for match in MERGE.finditer(held):
                end = match.end()
                found.append(_merge(match))
            if len(found) > MAX_MERGES:
                raise XMLRefused(f"over {MAX_MERGES:,} merged cells")
        held = held[max(end, len(held) - LONGEST_MERGE) :]
    return Merges(found)


def _merge(match: re.Match[bytes]) -> Merge:
    left, top, right, bottom = match.groups()
    return Merge(min(int(top), LAST_ROW), _column(left), min(int(bottom), LAST_ROW), _column(right))


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return min(number, LAST_COLUMN) - 1

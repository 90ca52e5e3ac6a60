"""Whose vectors are worth comparing: those whose signs are most like the question's.

A process keeps the signatures of the generations that filters asked for lately
(`segments.indexing.signatures`), so that 100,000 segments take milliseconds. Those that are left
are told apart by the question's own values, added where the sign is plus: of 200 in 100,000, all
of the ten nearest by the full vectors were among them, for each of 40 questions.
"""

from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from segments.embedding import Vectors
from segments.indexing.signatures import BITS_A_BYTE, bits_of, bytes_of
from segments.indexing.tables import SIGNATURES, table_of
from segments.search.passing import Mask
from segments.search.postings import CACHE_BYTES, keep, kept, ordinals_of, read_if_there

# A larger generation has room for nothing else beside it.
MOST_BYTES = CACHE_BYTES // 2
# How many are left by the number of signs that differ, for each that is wanted.
SPARE = 5
KEY = "\0signatures"
READ = "SELECT array_send(ordinals), bits FROM {signatures} ORDER BY block"

Words = npt.NDArray[np.uint64]
BYTES_A_WORD = 8


@dataclass(frozen=True, slots=True)
class Signatures:
    """The signs of a generation's vectors: each of `words` has 64 dimensions of all of them.

    `ordinals` are those of the segments that have a vector, rising.
    """

    ordinals: npt.NDArray[np.int32]
    words: tuple[Words, ...]

    @property
    def bytes(self) -> int:
        """How much memory they take."""
        return self.ordinals.nbytes + sum(word.nbytes for word in self.words)

    def most_alike(self, vector: Vectors, mask: Mask, most: int) -> npt.NDArray[np.int32]:
        """The ordinals of the mask whose vectors are most like this one by their signs."""
        has_all = len(self.ordinals) == len(mask)
        places = np.flatnonzero(mask if has_all else mask[self.ordinals])
        if len(places) > most:
            places = places[_least(self._differences(vector, places), SPARE * most)]
        if len(places) > most:
            places = places[_least(-self._agreement(vector, places), most)]
        found: npt.NDArray[np.int32] = self.ordinals[places]
        return found

    def _differences(self, vector: Vectors, places: npt.NDArray[np.intp]) -> npt.NDArray[np.uint16]:
        """How many signs are not those of the vector."""
        found = np.zeros(len(places), np.uint16)
        for word, asked in zip(self.words, _words_of(vector, len(self.words)), strict=True):
            found += np.bitwise_count(word[places] ^ asked)
        return found

    def _agreement(self, vector: Vectors, places: npt.NDArray[np.intp]) -> Vectors:
        """The sum of the vector's values where the sign is plus."""
        bits = min(len(vector), len(self.words) * BYTES_A_WORD * BITS_A_BYTE)
        chosen = np.stack([word[places] for word in self.words], axis=1)
        signs = np.unpackbits(chosen.view(np.uint8), axis=1, count=bits)
        agreement: Vectors = signs.astype(np.float32) @ vector[:bits].astype(np.float32)
        return agreement


def signatures_of(generation_id: UUID, dimensions: int, vectors: int) -> Signatures | None:
    """Those of a generation; None if they are gone, or too many to keep."""
    if vectors * (bytes_of(dimensions) + np.int32().nbytes) > MOST_BYTES:
        return None
    known: Signatures | None = kept((generation_id, KEY))
    if known is None:
        rows = read_if_there(READ.format(signatures=table_of(SIGNATURES, generation_id)), None)
        if rows is None:
            return None
        ordinals = np.concatenate([ordinals_of(sent) for sent, _ in rows])
        known = Signatures(ordinals, _columns(b"".join(bits for _, bits in rows), dimensions))
        keep((generation_id, KEY), known, known.bytes)
    return known


def _columns(signatures: bytes, dimensions: int) -> tuple[Words, ...]:
    """Signatures that follow one another, as words of 64 bits: the first of each, and so on."""
    size = bytes_of(dimensions)
    rows = np.frombuffer(signatures, np.uint8).reshape(-1, size)
    padded = np.pad(rows, ((0, 0), (0, -size % BYTES_A_WORD)))
    return tuple(np.ascontiguousarray(column) for column in padded.view(np.uint64).T)


def _words_of(vector: Vectors, count: int) -> Words:
    bits = np.packbits(vector[: bits_of(len(vector))] > 0)
    padded: Words = np.pad(bits, (0, count * BYTES_A_WORD - len(bits))).view(np.uint64)
    return padded


def _least(values: npt.NDArray[np.uint16] | Vectors, most: int) -> npt.NDArray[np.intp]:
    """Where the lowest values are, at most `most`."""
    if most >= len(values):
        return np.arange(len(values))
    return np.argpartition(values, most)[:most]

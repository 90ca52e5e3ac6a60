"""BM25 over the words of one generation, by arrays of numbers; generations never change.

By hand: packages that rank by BM25 (bm25s, rank_bm25) hold all texts of all datasets in memory.
Here a process keeps the arrays of the words that were asked for lately, up to `CACHE_BYTES`.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db import ProgrammingError
from psycopg2 import errors

from segments.db.replicas import connection
from segments.db.transactions import one_statement
from segments.indexing.tables import ENTRIES, WORDS, table_of

# Usual values (Robertson and Zaragoza: k1 between 1.2 and 2, b between 0.5 and 0.8).
K1 = 1.5
B = 0.75
# Words and lengths that a process keeps. A word that occurs in 100,000 segments takes 0.5 MB.
CACHE_BYTES = 128 * 1024 * 1024
# The header of an array in PostgreSQL's binary form: dimensions, flags, type, size, lower bound.
ARRAY_HEADER_BYTES = 20
ORDINAL = np.dtype([("bytes", ">i4"), ("value", ">i4")])
FREQUENCY = np.dtype([("bytes", ">i4"), ("value", ">i2")])

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Postings:
    """The segments of a generation that have a word, and how often each has it."""

    ordinals: npt.NDArray[np.int32]
    frequencies: npt.NDArray[np.uint8]

    @property
    def bytes(self) -> int:
        """How much memory they take."""
        return self.ordinals.nbytes + self.frequencies.nbytes


NOTHING = Postings(np.empty(0, np.int32), np.empty(0, np.uint8))

READ_WORDS = """
    SELECT word, array_send(ordinals), array_send(frequencies) FROM {words} WHERE word = ANY(%s)
"""
KNOWN_WORDS = "SELECT word FROM {words} WHERE word = ANY(%s)"
READ_LENGTHS = "SELECT array_send(array_agg(length ORDER BY ordinal)) FROM {entries}"


class Cache:
    """What was read lately, by generation and word; the oldest goes when there is too much."""

    def __init__(self, most_bytes: int) -> None:
        self._kept: OrderedDict[tuple[UUID, str], Any] = OrderedDict()
        self._most, self._bytes = most_bytes, 0
        self._lock = threading.Lock()

    def get(self, key: tuple[UUID, str]) -> Any:
        """What is kept under the key, or None."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            found = self._kept.get(key)
            return None if found is None else found[0]

    def put(self, key: tuple[UUID, str], value: Any, size: int) -> None:
        """Keep a value that takes `size` bytes."""
        with self._lock:
            if key not in self._kept:
                self._bytes += size
            self._kept[key] = (value, size)
            while self._bytes > self._most and len(self._kept) > 1:
                _, (_, freed) = self._kept.popitem(last=False)
                self._bytes -= freed


_cache = Cache(CACHE_BYTES)
kept, keep = _cache.get, _cache.put
# No word has a NUL in it, so these name what is kept beside words.
LENGTHS = "\0lengths"
DAMPENING = "\0dampening"


def postings_of(generation_id: UUID, words: Sequence[str]) -> dict[str, Postings] | None:
    """The postings of each word, empty ones too; None if the generation's tables are gone."""
    known = {word: _cache.get((generation_id, word)) for word in words}
    missing = [word for word, found in known.items() if found is None]
    if missing:
        rows = read_if_there(READ_WORDS.format(words=table_of(WORDS, generation_id)), [missing])
        if rows is None:
            return None
        read = {
            word: Postings(
                _values(ordinals, ORDINAL).astype(np.int32),
                _values(frequencies, FREQUENCY).astype(np.uint8),
            )
            for word, ordinals, frequencies in rows
        }
        for word in missing:
            known[word] = read.get(word, NOTHING)
            _cache.put((generation_id, word), known[word], known[word].bytes + 200)
    return known


def known_words(generation_ids: Iterable[UUID], words: Iterable[str]) -> set[str]:
    """Which of `words` any of the generations has."""
    left, known = set(words), set[str]()
    for generation_id in generation_ids:
        statement = KNOWN_WORDS.format(words=table_of(WORDS, generation_id))
        found = {word for (word,) in read_if_there(statement, [sorted(left)]) or ()}
        known |= found
        left -= found
    return known


def dampening_of(generation_id: UUID, mean_length: float) -> Floats | None:
    """k1 · (1 − b + b · length / mean length) of each segment; None if the tables are gone.

    It is kept until the mean length changes, that is until something is published or edited.
    """
    kept: tuple[float, Floats] | None = _cache.get((generation_id, DAMPENING))
    if kept is not None and kept[0] == mean_length:
        return kept[1]
    lengths = _lengths_of(generation_id)
    if lengths is None:
        return None
    dampening = K1 * (1 - B) + lengths.astype(np.float32) * np.float32(K1 * B / mean_length)
    _cache.put((generation_id, DAMPENING), (mean_length, dampening), dampening.nbytes)
    return dampening


def _lengths_of(generation_id: UUID) -> npt.NDArray[np.int32] | None:
    kept: npt.NDArray[np.int32] | None = _cache.get((generation_id, LENGTHS))
    if kept is not None:
        return kept
    rows = read_if_there(READ_LENGTHS.format(entries=table_of(ENTRIES, generation_id)), [])
    if rows is None:
        return None
    sent = rows[0][0]
    lengths = np.empty(0, np.int32) if sent is None else _values(sent, ORDINAL).astype(np.int32)
    _cache.put((generation_id, LENGTHS), lengths, lengths.nbytes)
    return lengths


def scores_of(postings: Iterable[tuple[Postings, float]], dampening: Floats) -> Floats:
    """The BM25 score of each segment of a generation, by ordinal.

    `postings` come with the weight (idf) of their word, `dampening` is what `dampening_of` gives.
    """
    scores = np.zeros(len(dampening), np.float32)
    for found, idf in postings:
        frequencies = found.frequencies.astype(np.float32)
        below = frequencies + dampening[found.ordinals]
        scores[found.ordinals] += np.float32(idf * (K1 + 1)) * frequencies / below
    return scores


def best_of(scores: Floats, most: int) -> npt.NDArray[np.int64]:
    """The ordinals of the highest scores above zero, at most `most`, best first."""
    least = np.partition(scores, -most)[-most] if most < len(scores) else np.float32(0)
    found = np.flatnonzero((scores >= least) & (scores > 0))
    return found[np.lexsort((found, -scores[found]))][:most]


def ordinals_of(sent: memoryview) -> npt.NDArray[np.int32]:
    """An array of ordinals, as `array_send` sends it."""
    return _values(sent, ORDINAL).astype(np.int32)


def _values(sent: memoryview, item: np.dtype[Any]) -> npt.NDArray[Any]:
    array = np.frombuffer(sent, item, offset=ARRAY_HEADER_BYTES)
    return array["value"]


def read_if_there(statement: str, parameters: Any) -> list[tuple[Any, ...]] | None:
    """The rows, or None if a table is not there: it was dropped with its generation, or by hand."""
    try:
        with one_statement(), connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows
    except ProgrammingError as trouble:
        if not isinstance(trouble.__cause__, errors.UndefinedTable):
            raise
        return None

"""What a model gives for the texts of a chunk, as far as it has come."""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

import numpy as np

from segments.embedding import Embedder, Part, Usage, Vectors, embed_all


class StagedText(NamedTuple):
    """A staged row as far as embedding it goes."""

    row: int
    line: int
    content: str
    content_hash: str


class RefusedText(NamedTuple):
    """A text that the model does not take, and why."""

    text: StagedText
    reason: str


class Harvest:
    """What the model gives for some texts; equal ones are asked for once."""

    def __init__(self, texts: Sequence[StagedText], dimensions: int) -> None:
        self._texts = texts
        self._unique = list({text.content_hash: text.content for text in texts}.items())
        place = {content_hash: number for number, (content_hash, _) in enumerate(self._unique)}
        self._places = np.array([place[text.content_hash] for text in texts], np.intp)
        self._vectors = np.empty((len(self._unique), dimensions), np.float32)
        self._is_known = np.zeros(len(self._unique), bool)
        self._refused: dict[int, str] = {}
        self.usage = Usage()

    def gather(self, embedder: Embedder, pulse: Callable[[], None], tenant_id: UUID) -> None:
        """Ask for all of them; what has come by the time of an error stays."""
        contents = [content for _, content in self._unique]
        for part in embed_all(embedder, contents, pulse, tenant_id):
            self._add(part)

    def _add(self, part: Part) -> None:
        places = list(part.places)
        self._vectors[places] = part.vectors
        self._is_known[places] = True
        self._refused |= part.refused
        self.usage += part.usage

    def rows(self) -> tuple[list[int], Vectors]:
        """The rows that have a vector now, and their vectors."""
        is_known = self._is_known[self._places]
        numbers = np.array([text.row for text in self._texts], np.int64)
        return numbers[is_known].tolist(), self._vectors[self._places[is_known]]

    def refused(self) -> list[RefusedText]:
        """The texts that the model does not take, in the order of their rows."""
        if not self._refused:
            return []
        pairs = zip(self._texts, self._places.tolist(), strict=True)
        return [
            RefusedText(text, self._refused[place])
            for text, place in pairs
            if place in self._refused
        ]

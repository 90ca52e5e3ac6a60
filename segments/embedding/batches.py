"""Texts put together as a model takes them: similar lengths together, under its limits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from segments.embedding.base import Batching, Embedder


@dataclass(frozen=True, slots=True)
class Batch:
    """Some of many texts: their places among them, and how many tokens they are together.

    `tokens` is 0 where the model's limits are in texts alone.
    """

    places: tuple[int, ...]
    tokens: int = 0

    def halves(self) -> "tuple[Batch, Batch]":
        """The two halves of a batch of more than one text; the tokens are shared out evenly."""
        middle = len(self.places) // 2
        first, last = self.places[:middle], self.places[middle:]
        share = self.tokens * len(first) // len(self.places)
        return Batch(first, share), Batch(last, self.tokens - share)


def plan(texts: Sequence[str], embedder: Embedder) -> Iterator[Batch]:
    """Batches that hold each of `texts` once, shortest first: padding goes to the longest."""
    limits = embedder.batching
    places = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    if limits.tokens is None:
        for first in range(0, len(places), limits.texts):
            yield Batch(tuple(places[first : first + limits.texts]))
    else:
        counted = [(place, embedder.count_tokens(texts[place])) for place in places]
        yield from _under_both_limits(counted, limits, limits.tokens)


def _under_both_limits(
    counted: Sequence[tuple[int, int]], limits: Batching, most_tokens: int
) -> Iterator[Batch]:
    """Batches of few enough texts and tokens; a text over the limit alone goes alone."""
    chosen: list[tuple[int, int]] = []
    total = 0
    for place, tokens in counted:
        if chosen and (len(chosen) == limits.texts or total + tokens > most_tokens):
            yield _batch(chosen)
            chosen, total = [], 0
        chosen.append((place, tokens))
        total += tokens
    if chosen:
        yield _batch(chosen)


def _batch(chosen: Sequence[tuple[int, int]]) -> Batch:
    return Batch(tuple(map(itemgetter(0), chosen)), sum(map(itemgetter(1), chosen)))

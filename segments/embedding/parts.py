"""What becomes of some of many texts, and what was asked of an endpoint for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from segments.embedding.base import Vectors, unusable
from segments.embedding.batches import Batch


@dataclass(frozen=True, slots=True)
class Usage:
    """What was asked of an endpoint, and the tokens and the cost of it as it reports them."""

    requests: int = 0
    tokens: int = 0
    cost: Decimal = Decimal(0)

    def __add__(self, more: "Usage") -> "Usage":
        return Usage(
            self.requests + more.requests, self.tokens + more.tokens, self.cost + more.cost
        )


@dataclass(frozen=True, slots=True)
class Part:
    """What became of some of the texts: vectors for `places`, reasons for those refused."""

    places: Sequence[int]
    vectors: Vectors
    refused: dict[int, str] = field(default_factory=dict)
    usage: Usage = Usage()


def sorted_out(batch: Batch, vectors: Vectors) -> Part:
    """The texts of `batch` with their vectors, or with why a vector cannot be used."""
    bad = unusable(vectors)
    if not bad:
        return Part(batch.places, vectors)
    good = [row for row in range(len(batch.places)) if row not in bad]
    return Part(
        [batch.places[row] for row in good],
        vectors[good],
        {batch.places[row]: f"the model gives it a vector with {bad[row]}" for row in bad},
    )

"""What an embedding model is to Segmill, how its texts are batched, and what it answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from operator import itemgetter
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segments.embedding.credentials import Secret
from segments.exceptions import VectorsRefused

# OpenAI's own limits of a request (API reference, "Create embeddings"): 300,000 tokens in all,
# 8,192 a text. Others allow as much or are told otherwise.
MAX_REQUEST_TOKENS = 300_000
TOKEN_LIMIT = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """One model of one provider. Equal settings share one loaded model.

    * `dimensions`: 0 asks the model once; `request_dimensions` sends the number along, for
      models that can be cut (Matryoshka).
    * The prefixes stand before a text, as the E5 and BGE families want it; the input types go
      with a request as `input_type`, as Cohere, NVIDIA and Voyage want it.
    * `normalise` brings every vector to length one, so that all distances rank alike.
    * `requests_per_minute` and `tokens_per_minute`: 0 is no limit.
    * `is_trusted`: named by who installed Segmill, so it may be at a private address.
    """

    provider: str
    kind: str
    model: str
    base_url: str = ""
    api_key: Secret = field(default_factory=Secret)
    dimensions: int = 0
    request_dimensions: bool = False
    token_limit: int = TOKEN_LIMIT
    passage_prefix: str = ""
    query_prefix: str = ""
    passage_input_type: str = ""
    query_input_type: str = ""
    normalise: bool = True
    price_per_million: Decimal = Decimal(0)
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    batch_texts: int = 256
    batch_tokens: int = MAX_REQUEST_TOKENS
    calls: int = 4
    is_trusted: bool = False


Vectors: TypeAlias = NDArray[np.float32]
"""Shape (texts, dimensions), one row per text, in the order of the texts."""


# A chunk that all calls under way can share several times keeps them busy to its end, and is
# small enough that progress shows and a crash loses seconds.
ROUNDS_A_CHUNK = 4
# Storing a chunk takes some 10 ms, however small it is.
LEAST_CHUNK_TEXTS = 128


@dataclass(frozen=True, slots=True)
class Batching:
    """How a model takes its texts: so many at a time, so many tokens at a time, so many calls.

    `tokens` is None where only the number of texts counts; `calls` is how many may be under
    way at the same time. One that computes `in_python` is faster in two processes than in two
    threads, and still works in a copy of a process that has loaded it.
    """

    texts: int
    tokens: int | None = None
    calls: int = 1
    in_python: bool = False

    @property
    def chunk_texts(self) -> int:
        """How many texts are worth a checkpoint."""
        return max(ROUNDS_A_CHUNK * self.calls * self.texts, LEAST_CHUNK_TEXTS)


class Embedder(Protocol):
    """A model that turns texts into vectors.

    Adding a provider is one class of this shape and one line in `embedding.registry`.
    Instances are shared by threads, so `embed_passages` must be safe to call from several.
    """

    @property
    def provider(self) -> str:
        """The name of who provides it, as datasets know it."""
        ...

    @property
    def model(self) -> str:
        """Its name, as its provider knows it."""
        ...

    @property
    def token_limit(self) -> int:
        """A text of more tokens, as `count_tokens` counts them, is refused, never cut."""
        ...

    @property
    def batching(self) -> Batching:
        """How it takes many texts."""
        ...

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many of the model's own tokens `text` is."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """The vectors of passages to be stored.

        Raises:
            EmbeddingFailed: the model could not be used; nothing was embedded.
        """
        ...

    def embed_query(self, text: str) -> Vectors:
        """The vector of a question, shape (1, dimensions); all zero if it has no meaning."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint gave for one request: vectors, the tokens it bills, and its wish.

    `pause` is how many seconds it wants to be left alone, by its own rate-limit headers.
    """

    vectors: Vectors
    tokens: int
    pause: float = 0.0


class Purpose(Enum):
    """What a text is embedded for; many models want to be told."""

    PASSAGE = "passage"
    QUERY = "query"


def checked_vectors(vectors: Vectors, texts: int, dimensions: int) -> Vectors:
    """`vectors`, if there is one finite vector of length over zero and right dimension a text.

    Raises:
        VectorsRefused: otherwise; it carries the first text at fault.
    """
    for row, what in unusable(checked_shape(vectors, texts, dimensions)).items():
        raise VectorsRefused(f"The model gave a vector with {what}.", row=row)
    return vectors


def checked_shape(vectors: Vectors, texts: int, dimensions: int) -> Vectors:
    """`vectors`, if there is one of the right dimension for each text.

    Raises:
        VectorsRefused: otherwise.
    """
    if vectors.shape != (texts, dimensions):
        raise VectorsRefused(
            f"The model answered with vectors of shape {vectors.shape} for {texts} texts; "
            f"({texts}, {dimensions}) was expected."
        )
    return vectors


def unusable(vectors: Vectors) -> dict[int, str]:
    """The rows of `vectors` that nothing can be found by, with what is wrong with each."""
    squares = np.einsum("ij,ij->i", vectors, vectors)
    usable = np.isfinite(squares) & (squares > 0)
    return {
        int(row): "no direction (length zero)" if squares[row] == 0 else "NaN or infinity in it"
        for row in np.flatnonzero(~usable)
    }


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

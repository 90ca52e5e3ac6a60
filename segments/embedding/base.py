"""The protocol of embedding models, their settings, batches and answers."""

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
    """The settings of one model of one provider. Equal settings share one loaded model.

    * `dimensions`: 0 asks the model once; `request_dimensions` sends the number with each
      request, for models that can shorten their vectors (Matryoshka).
    * The prefixes are put before a text, as the E5 and BGE families expect; the input types
      are sent as `input_type`, as Cohere, NVIDIA and Voyage expect.
    * `normalise` scales every vector to length one, so that all distances rank alike.
    * `requests_per_minute` and `tokens_per_minute`: 0 means no limit.
    * `is_trusted`: configured by the operator, so it may be at a private address.
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


# A chunk of several rounds of calls keeps them all busy to its end, and is still small enough
# that progress shows and a crash loses only seconds.
ROUNDS_A_CHUNK = 4
# Storing a chunk takes about 10 ms, however small it is.
LEAST_CHUNK_TEXTS = 128


@dataclass(frozen=True, slots=True)
class Batching:
    """How many texts and tokens a call may have, and how many calls may run at once.

    `tokens` is None where only the number of texts counts. A model that computes `in_python`
    is faster in two processes than in two threads, and works in a forked copy of a process
    that has loaded it.
    """

    texts: int
    tokens: int | None = None
    calls: int = 1
    in_python: bool = False

    @property
    def chunk_texts(self) -> int:
        """How many texts a chunk, the checkpoint of an import, should have."""
        return max(ROUNDS_A_CHUNK * self.calls * self.texts, LEAST_CHUNK_TEXTS)


class Embedder(Protocol):
    """A model that turns texts into vectors.

    To add a provider, write one class of this shape and add one line to `embedding.catalog`.
    Threads share instances, so `embed_passages` must be thread-safe.
    """

    @property
    def provider(self) -> str:
        """The provider's name, as datasets know it."""
        ...

    @property
    def model(self) -> str:
        """The model's name, as its provider knows it."""
        ...

    @property
    def token_limit(self) -> int:
        """A text with more tokens, counted by `count_tokens`, is refused, never truncated."""
        ...

    @property
    def batching(self) -> Batching:
        """Its batch sizes and number of calls."""
        ...

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many of the model's own tokens `text` has."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """The vectors of passages, to be stored.

        Raises:
            EmbeddingFailed: the model could not be used; nothing was embedded.
        """
        ...

    def embed_query(self, text: str) -> Vectors:
        """The vector of a question, shape (1, dimensions); all zero if it means nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """An endpoint's answer to one request: the vectors and the tokens it bills.

    `pause` is how many seconds its rate-limit headers ask to wait before the next request.
    """

    vectors: Vectors
    tokens: int
    pause: float = 0.0


class Purpose(Enum):
    """What a text is embedded for; many models need to know."""

    PASSAGE = "passage"
    QUERY = "query"


def checked_vectors(vectors: Vectors, texts: int, dimensions: int) -> Vectors:
    """`vectors`, if each text has a finite, nonzero vector of the right dimension.

    Raises:
        VectorsRefused: otherwise; its `row` is the first text with a bad vector.
    """
    for row, what in unusable(checked_shape(vectors, texts, dimensions)).items():
        raise VectorsRefused(f"The model returned a vector with {what}.", row=row)
    return vectors


def checked_shape(vectors: Vectors, texts: int, dimensions: int) -> Vectors:
    """`vectors`, if each text has one of the right dimension.

    Raises:
        VectorsRefused: otherwise.
    """
    if vectors.shape != (texts, dimensions):
        raise VectorsRefused(
            f"The model returned vectors of shape {vectors.shape} for {texts} texts; "
            f"({texts}, {dimensions}) was expected."
        )
    return vectors


def unusable(vectors: Vectors) -> dict[int, str]:
    """The rows of `vectors` that search cannot use, with what is wrong with each."""
    squares = np.einsum("ij,ij->i", vectors, vectors)
    usable = np.isfinite(squares) & (squares > 0)
    return {
        int(row): "no direction (length zero)" if squares[row] == 0 else "NaN or infinity in it"
        for row in np.flatnonzero(~usable)
    }


@dataclass(frozen=True, slots=True)
class Batch:
    """Some of many texts, by their positions, and the tokens they have together.

    `tokens` is 0 if the model only limits the number of texts.
    """

    places: tuple[int, ...]
    tokens: int = 0

    def halves(self) -> "tuple[Batch, Batch]":
        """The two halves of a batch of more than one text; the tokens are divided evenly."""
        middle = len(self.places) // 2
        first, last = self.places[:middle], self.places[middle:]
        share = self.tokens * len(first) // len(self.places)
        return Batch(first, share), Batch(last, self.tokens - share)


def plan(texts: Sequence[str], embedder: Embedder) -> Iterator[Batch]:
    """Batches that hold each of `texts` once, shortest first, so that little is padded."""
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
    """Batches within both limits; a text that exceeds the token limit gets its own batch."""
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
    """Requests to an endpoint, with the tokens it reports and what they cost."""

    requests: int = 0
    tokens: int = 0
    cost: Decimal = Decimal(0)

    def __add__(self, more: "Usage") -> "Usage":
        return Usage(
            self.requests + more.requests, self.tokens + more.tokens, self.cost + more.cost
        )


@dataclass(frozen=True, slots=True)
class Part:
    """The outcome for some of the texts: vectors for `places`, reasons for refused ones."""

    places: Sequence[int]
    vectors: Vectors
    refused: dict[int, str] = field(default_factory=dict)
    usage: Usage = Usage()


def sorted_out(batch: Batch, vectors: Vectors) -> Part:
    """The texts of `batch`, each with its vector or with why the vector is unusable."""
    bad = unusable(vectors)
    if not bad:
        return Part(batch.places, vectors)
    good = [row for row in range(len(batch.places)) if row not in bad]
    return Part(
        [batch.places[row] for row in good],
        vectors[good],
        {batch.places[row]: f"the model returns a vector with {bad[row]}" for row in bad},
    )

"""What an embedding model is to Segmill."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segments.exceptions import VectorsRefused

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

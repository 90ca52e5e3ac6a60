"""What an embedding model is to Segmill."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segments.exceptions import VectorsRefused

Vectors: TypeAlias = NDArray[np.float32]
"""Shape (texts, dimensions), one row per text, in the order of the texts."""


class Embedder(Protocol):
    """A model that turns texts into vectors.

    Adding a provider is one class of this shape and one line in `embedding.registry`.
    Instances are shared by threads, so `embed_passages` must be safe to call from several.
    """

    provider: str
    model: str
    dimensions: int
    token_limit: int
    """A text of more tokens, as `count_tokens` counts them, is refused, never cut."""

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


def checked_vectors(vectors: Vectors, texts: int, dimensions: int) -> Vectors:
    """`vectors`, if there is one finite vector of length over zero and right dimension a text.

    Raises:
        VectorsRefused: otherwise; it carries the first text at fault.
    """
    if vectors.shape != (texts, dimensions):
        raise VectorsRefused(
            f"The model answered with vectors of shape {vectors.shape} for {texts} texts; "
            f"({texts}, {dimensions}) was expected."
        )
    squares = np.einsum("ij,ij->i", vectors, vectors)
    usable = np.isfinite(squares) & (squares > 0)
    if not usable.all():
        row = int(np.flatnonzero(~usable)[0])
        what = "no direction (length zero)" if squares[row] == 0 else "NaN or infinity in it"
        raise VectorsRefused(f"The model gave a vector with {what}.", row=row)
    return vectors

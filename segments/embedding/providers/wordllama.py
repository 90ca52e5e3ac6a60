"""wordllama: static token vectors with the weights in its wheel; no torch, no download."""

import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from segments.embedding.base import Batching, ModelSettings, Vectors
from segments.exceptions import NoEmbeddingModel

MODELS = {"l2_supercat_256": ("l2_supercat", 256)}
# Measured on 20,000 short texts: 64 is the fastest; larger batches pad more.
BATCH_TEXTS = 64
# Between calls we can stop or renew a lease; a call costs little.
TEXTS_AT_A_TIME = 1_024
# The mean over more tokens than this says nothing about the text; its author should split such
# a row into passages.
TOKEN_LIMIT = 8_192


class WordLlamaEmbedder:
    """The mean of token vectors, scaled to length one.

    Loaded on first use, in the process that uses it, because workers are forked.
    """

    provider = "wordllama"
    token_limit = TOKEN_LIMIT
    batching = Batching(TEXTS_AT_A_TIME, in_python=True)

    def __init__(self, settings: ModelSettings) -> None:
        """Choose one of `MODELS`.

        Raises:
            NoEmbeddingModel: the wheel does not have this model.
        """
        model = settings.model
        if model not in MODELS:
            raise NoEmbeddingModel(
                f"wordllama has no model “{model}”. Use one of: {', '.join(MODELS)}."
            )
        self.model = model
        self._config, self.dimensions = MODELS[model]

    @cached_property
    def _llama(self) -> Any:
        """The model with its weights and tokenizer, from the wheel."""
        root = logging.getLogger()
        level, handlers = root.level, root.handlers[:]
        import wordllama  # calls logging.basicConfig at import: undone below

        root.setLevel(level)
        root.handlers[:] = handlers
        return wordllama.WordLlama.load(
            self._config,
            cache_dir=Path(wordllama.__file__).parent,
            dim=self.dimensions,
            disable_download=True,
        )

    def count_tokens(self, text: str) -> int:
        """Tokens by the model's own tokenizer (Llama 2's), without start and end marks."""
        return len(self._llama.tokenizer.encode(text, add_special_tokens=False).ids)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length one; zero for a text without tokens."""
        vectors: Vectors = self._llama.embed(list(texts), batch_size=BATCH_TEXTS)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors

    def embed_query(self, text: str) -> Vectors:
        """Questions are embedded as passages are."""
        return self.embed_passages([text])

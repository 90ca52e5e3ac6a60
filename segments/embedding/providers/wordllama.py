"""wordllama: static token vectors, weights inside its wheel; no torch, no download."""

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
# How fine stopping and renewing a lease can be; a call costs little.
TEXTS_AT_A_TIME = 1_024
# A mean over more tokens than this says nothing of the text any more; a row this long is
# better cut into passages by its author than blurred by us.
TOKEN_LIMIT = 8_192


class WordLlamaEmbedder:
    """Mean of token vectors, normalised to length one.

    Loaded on first use, in the process that uses it: workers are forked.
    """

    provider = "wordllama"
    token_limit = TOKEN_LIMIT
    batching = Batching(TEXTS_AT_A_TIME, in_python=True)

    def __init__(self, settings: ModelSettings) -> None:
        """Choose one of `MODELS`.

        Raises:
            NoEmbeddingModel: the wheel has no such model.
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
        """The model with its weights and tokenizer, from inside the wheel."""
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
        """Tokens of the model's own tokenizer (Llama 2's), without start and end marks."""
        return len(self._llama.tokenizer.encode(text, add_special_tokens=False).ids)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length one; zero for a text without a token."""
        vectors: Vectors = self._llama.embed(list(texts), batch_size=BATCH_TEXTS)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors

    def embed_query(self, text: str) -> Vectors:
        """Questions are embedded as passages are."""
        return self.embed_passages([text])

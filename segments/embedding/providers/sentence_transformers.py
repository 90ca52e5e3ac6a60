"""sentence_transformers: models on this machine, on its GPU if there is one.

An optional extra (requirements-sentence-transformers.txt), imported when a model is first
used. A model is a folder in `SEGMILL_MODELS_FOLDER`, or a name on the Hugging Face hub.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import PurePath
from threading import RLock
from typing import Any

import numpy as np
from django.conf import settings

from segments.embedding.base import Batching, ModelSettings, Vectors
from segments.exceptions import NoEmbeddingModel

# Between calls we can stop or renew a lease: about 10 s of a small model on two cores.
TEXTS_AT_A_TIME = 128
# The library's own default batch size.
BATCH_TEXTS = 32


class SentenceTransformersEmbedder:
    """A model of the library sentence-transformers.

    Without a prefix, the model's own prompts for documents and queries are used.
    """

    batching = Batching(TEXTS_AT_A_TIME)

    def __init__(self, settings: ModelSettings) -> None:
        """Choose a model; it is loaded on first use, in the process that uses it.

        Raises:
            NoEmbeddingModel: the name is a path outside of the models' folder.
        """
        path = PurePath(settings.model)
        if path.is_absolute() or ".." in path.parts:
            raise NoEmbeddingModel(
                f"“{settings.model}” is not a model name. Use the name of a folder in "
                "SEGMILL_MODELS_FOLDER, or of a model on the Hugging Face hub such as "
                "intfloat/multilingual-e5-small."
            )
        self.settings = settings
        self.provider, self.model = settings.provider, settings.model
        # The tokenizer is not thread-safe, and two computations would only share the cores.
        self._lock = RLock()

    @cached_property
    def _transformer(self) -> Any:
        """The model with its weights.

        Raises:
            NoEmbeddingModel: the library or the model is missing.
        """
        load = _library()
        folder = settings.SEGMILL_MODELS_FOLDER / self.model
        place = str(folder) if folder.is_dir() else self.model
        try:
            return load(
                place,
                truncate_dim=self.settings.dimensions or None,
                local_files_only=not settings.SEGMILL_MODEL_DOWNLOADS,
            )
        except (OSError, ValueError) as missing:
            raise NoEmbeddingModel(
                f"The model “{self.model}” was not found: {folder} does not exist, and it has not "
                "been downloaded. Put its files there, or set SEGMILL_MODEL_DOWNLOADS to true."
            ) from missing

    @property
    def dimensions(self) -> int:
        """As configured, otherwise the model's own."""
        with self._lock:
            return self.settings.dimensions or int(self._transformer.get_embedding_dimension())

    @property
    def token_limit(self) -> int:
        """The model's own limit."""
        with self._lock:
            return int(self._transformer.max_seq_length or self.settings.token_limit)

    def count_tokens(self, text: str) -> int:
        """Tokens by the model's own tokenizer, including prefix and start and end marks."""
        with self._lock:
            tokenizer = self._transformer.tokenizer
            whole = self.settings.passage_prefix + text
            return len(tokenizer(whole, truncation=False, verbose=False)["input_ids"])

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """The vectors of passages."""
        return self._embed(texts, self.settings.passage_prefix, "encode_document")

    def embed_query(self, text: str) -> Vectors:
        """The vector of a question, shape (1, dimensions)."""
        return self._embed([text], self.settings.query_prefix, "encode_query")

    def _embed(self, texts: Sequence[str], prefix: str, prompted: str) -> Vectors:
        with self._lock:
            name = "encode" if prefix else prompted
            encode: Callable[..., Any] = getattr(self._transformer, name)
            vectors = encode(
                [prefix + text for text in texts],
                batch_size=BATCH_TEXTS,
                show_progress_bar=False,
                normalize_embeddings=self.settings.normalise,
            )
        return np.asarray(vectors, np.float32)


def folders() -> list[str]:
    """The names of the models in `SEGMILL_MODELS_FOLDER`."""
    place = settings.SEGMILL_MODELS_FOLDER
    if not place.is_dir():
        return []
    return sorted(entry.name for entry in place.iterdir() if entry.is_dir())


def _library() -> Callable[..., Any]:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as missing:
        raise NoEmbeddingModel(
            "The library sentence-transformers is not installed. Install it with: "
            "pip install -r requirements-sentence-transformers.txt"
        ) from missing
    make: Callable[..., Any] = SentenceTransformer
    return make

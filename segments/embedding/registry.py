"""Which class serves which provider."""

from collections.abc import Callable
from functools import lru_cache
from typing import cast

from django.utils.module_loading import import_string

from segments.embedding.base import Embedder
from segments.embedding.configuration import ModelSettings
from segments.exceptions import NoEmbeddingModel

# By name, so that nothing is imported that is not used: one more provider is one file and
# one line here.
PROVIDERS: dict[str, str] = {
    "wordllama": "segments.embedding.wordllama.WordLlamaEmbedder",
    "openai": "segments.embedding.openai.OpenAIEmbedder",
    "sentence_transformers": (
        "segments.embedding.sentence_transformers.SentenceTransformersEmbedder"
    ),
}
# Models in use at the same time by one process; one more forgets the one longest unused.
MODELS_LOADED = 16


@lru_cache(maxsize=MODELS_LOADED)
def load(settings: ModelSettings) -> Embedder:
    """The model that `settings` describe; equal settings share one.

    Raises:
        NoEmbeddingModel: nothing here speaks to models of that kind.
    """
    if settings.kind not in PROVIDERS:
        raise NoEmbeddingModel(
            f"There is no kind of provider “{settings.kind}”. Use: {', '.join(sorted(PROVIDERS))}."
        )
    make = cast("Callable[[ModelSettings], Embedder]", import_string(PROVIDERS[settings.kind]))
    return make(settings)

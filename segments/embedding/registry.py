"""Which class serves which provider."""

from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache
from typing import cast

from django.utils.module_loading import import_string

from segments.embedding.base import Embedder
from segments.embedding.configuration import ModelSettings, installed_model
from segments.exceptions import NoEmbeddingModel

# By name, so that nothing is imported that is not used: one more provider is one file and
# one line here.
PROVIDERS = {
    "wordllama": "segments.embedding.wordllama.WordLlamaEmbedder",
    "openai": "segments.embedding.openai.OpenAIEmbedder",
    "sentence_transformers": (
        "segments.embedding.sentence_transformers.SentenceTransformersEmbedder"
    ),
}
# Models in use at the same time by one process; one more forgets the one longest unused.
MODELS_LOADED = 16


def get_embedder(provider: str, model: str) -> Embedder:
    """The model of that name, loaded once per process and shared by its threads.

    Raises:
        NoEmbeddingModel: nobody provides it; the text says which providers there are.
    """
    if provider not in PROVIDERS:
        nearest = get_close_matches(provider, PROVIDERS, n=1)
        hint = f" Did you mean “{nearest[0]}”?" if nearest else ""
        raise NoEmbeddingModel(
            f"There is no embedding provider “{provider}”.{hint} "
            f"Known providers: {', '.join(sorted(PROVIDERS))}."
        )
    return load(installed_model(provider, model))


@lru_cache(maxsize=MODELS_LOADED)
def load(settings: ModelSettings) -> Embedder:
    """The model that `settings` describe; equal settings share one."""
    make = cast("Callable[[ModelSettings], Embedder]", import_string(PROVIDERS[settings.kind]))
    return make(settings)

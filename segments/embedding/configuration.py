"""How a model is reached and what it takes: the same values wherever they were written down."""

from dataclasses import dataclass, field
from decimal import Decimal

from segments.embedding.credentials import Secret

# OpenAI's own limits of a request (API reference, "Create embeddings"): at most 2,048 texts,
# 8,192 tokens a text and 300,000 tokens in all. Others allow as much or are told otherwise.
MAX_REQUEST_TEXTS = 2_048
MAX_REQUEST_TOKENS = 300_000
TOKEN_LIMIT = 8_192


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

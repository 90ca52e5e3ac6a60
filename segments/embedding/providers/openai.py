"""openai: any server that speaks OpenAI's /embeddings, through OpenAI's own package.

OpenAI, Azure's v1 endpoint, vLLM, text-embeddings-inference, Ollama, LM Studio, LiteLLM, NIM, …
"""

import base64
import binascii
import weakref
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import openai
from numpy.typing import NDArray

from segments.embedding.base import Answer, ModelSettings, Purpose, Vectors
from segments.embedding.http import bounded_client, egress_policy
from segments.embedding.providers.remote import RemoteEmbedder
from segments.embedding.rate_limits import retry_after, wanted_pause
from segments.exceptions import (
    CredentialsRefused,
    EmbeddingFailed,
    EmbeddingInterrupted,
    EndpointFailed,
    EndpointRefused,
    NoEmbeddingModel,
    RateLimited,
    TextsRefused,
)

# Known without asking (OpenAI, "Vector embeddings").
DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
# A server without keys still gets a header, which it ignores.
NO_KEY = "none"
NOT_A_RATE_LIMIT = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
TEXTS_AT_FAULT = frozenset({400, 413, 422})
KEY_AT_FAULT = frozenset({401, 403})
TRY_LATER = frozenset({408, 409, 425})
MESSAGE_CHARS = 300
# A request is given up after this long, whether nothing comes or only a trickle: for a server that
# is slower, make its batches smaller (SEGMILL_EMBEDDING_BATCH_TEXTS).
TIMEOUT_SECONDS = 60
# 2,048 vectors of 4,096 numbers, printed as text, are 180 MB.
MAX_ANSWER_BYTES = 256 * 1024 * 1024
# A thousand times OpenAI's limit per request; a larger bill would overflow the sums we store.
MOST_TOKENS = 300_000_000


class OpenAIEmbedder(RemoteEmbedder):
    """A model behind an OpenAI-compatible endpoint."""

    def __init__(self, settings: ModelSettings) -> None:
        """Check the settings; nothing is sent yet.

        Raises:
            NoEmbeddingModel: the base URL is missing or not HTTP.
        """
        super().__init__(settings)
        self.known_dimensions = settings.dimensions or DIMENSIONS.get(settings.model, 0)
        if not settings.base_url.startswith(("http://", "https://")):
            raise NoEmbeddingModel(
                f"Provider “{settings.provider}” has no valid URL: “{settings.base_url}”. Enter "
                "the URL without /embeddings, for example https://api.openai.com/v1."
            )

    @cached_property
    def _client(self) -> openai.OpenAI:
        policy = egress_policy(is_trusted=self.settings.is_trusted)
        http_client = bounded_client(policy, TIMEOUT_SECONDS, MAX_ANSWER_BYTES)
        weakref.finalize(self, http_client.close)
        client = openai.OpenAI(
            api_key=self.settings.api_key.reveal() or NO_KEY,
            base_url=self.settings.base_url,
            max_retries=0,  # the dispatcher retries: it knows the budget
            timeout=TIMEOUT_SECONDS,
            http_client=http_client,
        )
        # The package reads these from the environment, where they belong to something else.
        client.organization = client.project = None
        return client

    def ask(self, texts: Sequence[str], purpose: Purpose) -> Answer:
        """The vectors of `texts` in their order, whatever order the server answers in."""
        prefix, input_type = self._manner(purpose)
        try:
            raw = self._client.embeddings.with_raw_response.create(
                model=self.model,
                input=[prefix + text for text in texts],
                encoding_format="base64",
                dimensions=self._requested_dimensions(),
                extra_body={"input_type": input_type} if input_type else None,
            )
        except openai.APIStatusError as refusal:
            raise self._meaning(refusal) from None  # its request carries the key
        except openai.APIConnectionError as failure:
            raise EndpointFailed(f"{self._where()} did not answer: {_reason(failure)}.") from None
        try:
            answer = raw.parse()
            vectors = _vectors(getattr(answer, "data", None), len(texts))
            tokens = _tokens(answer.usage)
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as broken:
            raise EndpointFailed(f"{self._where()} returned an invalid answer: {broken}.") from None
        self._check_dimensions(vectors)
        return Answer(self.finished(vectors), tokens, wanted_pause(raw.headers))

    def _manner(self, purpose: Purpose) -> tuple[str, str]:
        chosen = self.settings
        if purpose is Purpose.QUERY:
            return chosen.query_prefix, chosen.query_input_type
        return chosen.passage_prefix, chosen.passage_input_type

    def _requested_dimensions(self) -> Any:
        return self.settings.dimensions if self.settings.request_dimensions else openai.omit

    def _check_dimensions(self, vectors: Vectors) -> None:
        """Refuse vectors of another dimension than configured, known, or first returned."""
        expected = self.known_dimensions or vectors.shape[1]
        if vectors.shape[1] != expected:
            raise EndpointFailed(
                f"{self._where()} returned vectors of {vectors.shape[1]} dimensions for model "
                f"“{self.model}”; {expected} were expected. Correct the model's dimensions."
            )

    def _where(self) -> str:
        return f"The endpoint {self.settings.base_url}"

    def _meaning(self, refusal: openai.APIStatusError) -> EmbeddingFailed:
        """The exception that an answer other than 200 stands for."""
        status, said = refusal.status_code, self._said(refusal)
        if status in KEY_AT_FAULT:
            return CredentialsRefused(
                f"{self._where()} rejects the key of provider “{self.provider}” ({status}). "
                "Set a valid key that may use the model, and start again."
            )
        if status == 429:
            return self._limit(refusal, said)
        if status in TEXTS_AT_FAULT:
            return TextsRefused(f"the model refuses the text ({status}): {said}")
        if status in TRY_LATER or status >= 500:
            wanted = retry_after(refusal.response.headers)
            return EndpointFailed(f"{self._where()} failed ({status}): {said}.", wanted)
        if 300 <= status < 400:
            place = refusal.response.headers.get("location", "another address")
            return EndpointRefused(
                f"{self._where()} redirects to {place}. Redirects are not followed: set the "
                "provider's base URL to the final address."
            )
        return EndpointRefused(
            f"{self._where()} rejects model “{self.model}” ({status}): {said}. "
            "Check the base URL and the model's name."
        )

    def _limit(self, refusal: openai.APIStatusError, said: str) -> EmbeddingFailed:
        if refusal.code in NOT_A_RATE_LIMIT or refusal.type in NOT_A_RATE_LIMIT:
            return EmbeddingInterrupted(
                f"The account of provider “{self.provider}” has no credit left: {said}. "
                "Top it up, then resume."
            )
        wanted = retry_after(refusal.response.headers)
        return RateLimited(f"{self._where()} is over its rate limit: {said}.", wanted)

    def _said(self, refusal: openai.APIStatusError) -> str:
        """The server's own message, shortened, without a full stop and without our key."""
        body = refusal.body
        said = str(body.get("message", body)) if isinstance(body, dict) else str(body or "")
        key = self.settings.api_key.reveal()
        if key:
            said = said.replace(key, "…")
        return " ".join(said.split())[:MESSAGE_CHARS].rstrip(".") or refusal.response.reason_phrase


def _reason(failure: openai.APIConnectionError) -> str:
    if isinstance(failure, openai.APITimeoutError):
        return "it timed out"
    return str(failure.__cause__ or failure)


def _vectors(data: Any, texts: int) -> Vectors:
    """The vectors in the order of their `index`.

    Raises:
        ValueError: there is not exactly one for each text, or their lengths differ.
    """
    if not isinstance(data, list):
        raise ValueError("it contains no embeddings; check the base URL")
    if len(data) != texts:
        raise ValueError(f"it contains {len(data)} vectors for {texts} texts")
    places = [item.index for item in data]
    if sorted(places) != list(range(texts)):
        raise ValueError("its indexes do not match the texts")
    rows = [_vector(item.embedding) for item in data]
    if len({row.shape for row in rows}) != 1 or rows[0].ndim != 1 or not rows[0].size:
        raise ValueError("its vectors differ in length")
    vectors: Vectors = np.empty((texts, rows[0].size), np.float32)
    vectors[places] = rows
    return vectors


def _tokens(usage: Any) -> int:
    """The billed tokens; 0 from servers that do not count.

    Raises:
        ValueError: it is not a plausible number of tokens.
    """
    tokens = int(getattr(usage, "total_tokens", 0) or 0)
    if not 0 <= tokens <= MOST_TOKENS:
        raise ValueError(f"it bills {tokens} tokens")
    return tokens


def _vector(value: Any) -> NDArray[np.float32]:
    """A vector from numbers or, if the server supports it, base64 of little-endian float32."""
    if isinstance(value, str):
        try:
            return np.frombuffer(base64.b64decode(value, validate=True), "<f4")
        except binascii.Error as broken:
            raise ValueError("a vector is not base64") from broken
    return np.asarray(value, np.float32)

"""Rerankers: models behind `/rerank` that read a question and a text together and score the pair.

Cohere, Jina, vLLM, Infinity and LiteLLM share one form: {model, query, documents, top_n} ─►
{results: [{index, relevance_score}]}. Text-embeddings-inference has its own: {query, texts} ─►
[{index, score}]. A server that refuses the first form is asked in the second.
"""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import isfinite
from time import monotonic, perf_counter
from typing import Any
from uuid import UUID

import httpx2
from django.conf import settings

from segments.embedding.base import ModelSettings
from segments.embedding.catalog import RERANK, Trial, find_tenants_model
from segments.embedding.credentials import Secret
from segments.embedding.http import bounded_client, egress_policy
from segments.embedding.providers.remote import PROBE
from segments.exceptions import EndpointRefused, NoRerankModel, RerankFailed

# A search waits no longer for a reranker, then answers in its own order.
ANSWER_SECONDS = 5
MAX_ANSWER_BYTES = 4 * 1024 * 1024
# A reranker reads 500 to 8,000 tokens of a text and ignores or refuses the rest.
TEXT_CHARS = 8_000
# After a failure searches go on without it for so long, instead of waiting for it each time.
PAUSE_SECONDS = 10.0
OTHER_FORM = frozenset({400, 422})
MESSAGE_CHARS = 200
RERANKERS_LOADED = 16


@dataclass(frozen=True, slots=True)
class RerankModel:
    """A reranker by its provider and name; both empty is none."""

    provider: str = ""
    model: str = ""

    def __bool__(self) -> bool:
        return bool(self.provider and self.model)

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


class Reranker:
    """One model of one endpoint. Threads share instances."""

    def __init__(self, chosen: ModelSettings) -> None:
        self.settings = chosen
        self._is_tei = False
        self._failed_until, self._trouble = 0.0, ""

    def scores(self, question: str, texts: Sequence[str]) -> dict[int, float]:
        """The relevance of each text by its place; a server may leave out the least relevant.

        Raises:
            RerankFailed: it did not answer within `ANSWER_SECONDS`, or not usably, or
                failed a moment ago and was not asked.
        """
        if (left := self._failed_until - monotonic()) > 0:
            raise RerankFailed(f"{self._trouble} It is not asked again for {left:.0f} s.")
        try:
            return self._scores(question, [text[:TEXT_CHARS] for text in texts])
        except RerankFailed as failure:
            self._failed_until, self._trouble = monotonic() + PAUSE_SECONDS, str(failure)
            raise

    def _scores(self, question: str, texts: Sequence[str]) -> dict[int, float]:
        answer = self._post(self._body(question, texts))
        if answer.status_code in OTHER_FORM and not self._is_tei:
            self._is_tei = True
            answer = self._post(self._body(question, texts))
            self._is_tei = answer.is_success
        if not answer.is_success:
            raise RerankFailed(
                f"{self._where} refuses ({answer.status_code}): {self._said(answer)}."
            )
        try:
            return _read(answer.json(), len(texts))
        except (ValueError, TypeError, KeyError, AttributeError) as broken:
            raise RerankFailed(f"{self._where} returned an invalid answer: {broken}.") from None

    def _body(self, question: str, texts: Sequence[str]) -> dict[str, Any]:
        if self._is_tei:
            return {"query": question, "texts": texts, "truncate": True}
        model = self.settings.model
        return {"model": model, "query": question, "documents": texts, "top_n": len(texts)}

    def _post(self, body: dict[str, Any]) -> httpx2.Response:
        key = self.settings.api_key.reveal()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url = f"{self.settings.base_url.rstrip('/')}/rerank"
        try:
            return self._client.post(url, json=body, headers=headers)
        except EndpointRefused as refused:
            raise RerankFailed(str(refused)) from None
        except httpx2.TimeoutException:
            raise RerankFailed(f"{self._where} did not answer in time.") from None
        except httpx2.HTTPError as failure:
            raise RerankFailed(f"{self._where} did not answer: {failure}.") from None

    @cached_property
    def _client(self) -> httpx2.Client:
        policy = egress_policy(is_trusted=self.settings.is_trusted)
        client = bounded_client(policy, ANSWER_SECONDS, MAX_ANSWER_BYTES)
        weakref.finalize(self, client.close)
        return client

    @property
    def _where(self) -> str:
        return f"The reranker {self.settings.base_url}"

    def _said(self, answer: httpx2.Response) -> str:
        """The server's own words, shortened and without our key."""
        key, said = self.settings.api_key.reveal(), answer.text
        if key:
            said = said.replace(key, "…")
        return " ".join(said.split())[:MESSAGE_CHARS].rstrip(".") or answer.reason_phrase


def _read(answer: Any, texts: int) -> dict[int, float]:
    """The scores in an answer of any of the forms.

    Raises:
        ValueError: there are none, or for other texts than were sent, or not numbers.
    """
    results = answer if isinstance(answer, list) else answer.get("results", answer.get("data"))
    if not isinstance(results, list) or not results:
        raise ValueError("it has no results; check the base URL")
    scores = {}
    for result in results:
        place = result["index"]
        score = float(result["relevance_score"] if "relevance_score" in result else result["score"])
        if type(place) is not int or not 0 <= place < texts or place in scores:
            raise ValueError(f"the index {place} does not fit {texts} texts")
        if not isfinite(score):
            raise ValueError(f"the score {score} is not a number")
        scores[place] = score
    return scores


@lru_cache(maxsize=RERANKERS_LOADED)
def load_reranker(chosen: ModelSettings) -> Reranker:
    """The reranker that the settings describe; equal settings share one, and its connections."""
    return Reranker(chosen)


def try_reranker(chosen: ModelSettings) -> Trial:
    """Score one text, without retrying; how long it took.

    Raises:
        RerankFailed: the reranker cannot be used; the message says why.
    """
    began = perf_counter()
    Reranker(chosen).scores(PROBE, [PROBE])
    return Trial(dimensions=0, seconds=perf_counter() - began)


def find_reranker(wanted: RerankModel, tenant_id: UUID) -> Reranker:
    """A reranker of the installation (provider `rerank`) or of the tenant.

    Raises:
        NoRerankModel: neither has it, or it has no URL.
        CredentialsUnreadable: the provider's key has to be entered again.
    """
    if wanted.provider == RERANK:
        chosen = ModelSettings(
            provider=RERANK,
            kind=RERANK,
            model=wanted.model,
            base_url=settings.SEGMILL_RERANK_BASE_URL,
            api_key=Secret(settings.SEGMILL_RERANK_API_KEY),
            is_trusted=True,
        )
    else:
        found = find_tenants_model(wanted.provider, wanted.model, tenant_id)
        if found is None:
            raise NoRerankModel(
                f"There is no reranker “{wanted.model}” at a provider “{wanted.provider}”. Add it "
                f"under Model providers, or use the provider “{RERANK}” of the installation."
            )
        chosen = found
    if not chosen.base_url:
        raise NoRerankModel(
            f"The provider “{wanted.provider}” has no URL for rerankers. Set "
            "SEGMILL_RERANK_BASE_URL to what stands before /rerank."
        )
    return load_reranker(chosen)

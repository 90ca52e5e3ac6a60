"""Many texts through one model: batches, several requests at a time, patience, refusals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from time import monotonic
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from segments.embedding import Vectors
from segments.embedding.base import Batch, Batching, plan
from segments.embedding.dispatch import Dispatcher
from segments.embedding.providers.openai import OpenAIEmbedder
from segments.embedding.rate_limits import SECONDS_TO_NEXT_LOOK, Wait
from segments.exceptions import CredentialsRefused, EmbeddingInterrupted, EndpointRefused
from tests.servers import embeddings as misbehaving
from tests.servers.embeddings import DIMENSIONS, EmbeddingsServer, MakeModel, make_model, vector_of

pytestmark = pytest.mark.usefixtures("no_pauses")
TEXTS = [f"text number {number}" for number in range(20)]


@pytest.fixture
def model(server: EmbeddingsServer) -> MakeModel:
    """Makes a model behind the server: four texts a request, one request at a time."""
    return partial(make_model, server, dimensions=DIMENSIONS, batch_texts=4, calls=1)


@dataclass(slots=True)
class OwnBudget:
    """A budget that nobody shares and that only bounds the requests under way."""

    calls: int
    under_way: set[UUID] = field(default_factory=set)
    quiet_until: float = 0.0

    def take(self, tokens: int) -> UUID | Wait:
        """The right to send a request now, or when to ask again."""
        if (left := self.quiet_until - monotonic()) > 0:
            return Wait(left)
        if len(self.under_way) >= self.calls:
            return Wait(SECONDS_TO_NEXT_LOOK)
        call = uuid4()
        self.under_way.add(call)
        return call

    def keep(self, calls: Sequence[UUID]) -> None:
        """They are under way until they end: nobody else is there to be lost."""

    def give_back(self, call: UUID, estimated: int, billed: int) -> None:
        """The request has ended."""
        self.under_way.discard(call)

    def be_quiet(self, seconds: float) -> None:
        """Send nothing for so long."""
        self.quiet_until = max(self.quiet_until, monotonic() + seconds)


class Outcome:
    """Vectors and refusals by text, each text accounted for at most once."""

    def __init__(self) -> None:
        self.vectors: dict[int, Vectors] = {}
        self.refused: dict[int, str] = {}
        self.requests = self.tokens = 0
        self.cost = Decimal(0)

    def gather(
        self,
        embedder: OpenAIEmbedder,
        texts: Sequence[str] = TEXTS,
        pulse: Callable[[], None] = lambda: None,
    ) -> "Outcome":
        budget = OwnBudget(embedder.batching.calls)
        for part in Dispatcher(embedder, texts, budget).parts(pulse):
            assert not (set(part.places) | set(part.refused)) & (
                set(self.vectors) | set(self.refused)
            )
            self.vectors |= dict(zip(part.places, part.vectors, strict=True))
            self.refused |= part.refused
            self.requests += part.usage.requests
            self.tokens += part.usage.tokens
            self.cost += part.usage.cost
        return self

    def has_all_of(self, texts: Sequence[str] = TEXTS) -> bool:
        return set(self.vectors) == set(range(len(texts))) and all(
            np.allclose(self.vectors[place], vector_of(text)) for place, text in enumerate(texts)
        )


def test_every_text_gets_its_own_vector(server: EmbeddingsServer, model: MakeModel) -> None:
    outcome = Outcome().gather(model(price_per_million=Decimal("0.5")))
    assert outcome.has_all_of()
    assert outcome.requests == len(server.requests) == 5
    assert outcome.cost == outcome.tokens * Decimal("0.0000005")
    assert outcome.tokens == sum(len(text.split()) for text in TEXTS)


def test_requests_go_several_at_a_time_but_no_more(
    server: EmbeddingsServer, model: MakeModel
) -> None:
    server.seconds = 0.2
    began = monotonic()
    outcome = Outcome().gather(model(calls=3, batch_texts=1))
    assert outcome.has_all_of()
    assert server.most_under_way == 3
    assert monotonic() - began < len(TEXTS) * server.seconds * 0.9


@pytest.mark.parametrize(
    "misdeed",
    [
        misbehaving.status(500),
        misbehaving.status(503, {"Retry-After": "0"}),
        misbehaving.status(429),
        misbehaving.status(429, {"Retry-After": "0.01"}),
        misbehaving.cut_connection,
        misbehaving.truncated_json,
        misbehaving.wrong_count,
        misbehaving.with_dimensions(3),
        misbehaving.with_value(float("nan")),
        misbehaving.with_value(float("inf")),
        misbehaving.with_value(0.0),
        misbehaving.wrong_order,
        misbehaving.as_numbers,
    ],
)
def test_one_mishap_is_not_noticed_afterwards(
    server: EmbeddingsServer, model: MakeModel, misdeed: misbehaving.Misdeed
) -> None:
    server.misdeeds.append(misdeed)
    assert Outcome().gather(model()).has_all_of()


def test_the_texts_a_model_refuses_are_found_among_the_others(
    server: EmbeddingsServer, model: MakeModel
) -> None:
    server.always = misbehaving.refusing("number 13")
    outcome = Outcome().gather(model(batch_texts=16))
    assert set(outcome.refused) == {13}
    assert "unfit" in outcome.refused[13]
    assert set(outcome.vectors) == set(range(20)) - {13}


def test_a_text_that_always_has_a_useless_vector_is_refused_too(
    server: EmbeddingsServer, model: MakeModel
) -> None:
    server.always = misbehaving.with_value(float("nan"), place=2)
    outcome = Outcome().gather(model())
    assert len(outcome.refused) == 5, "one of each four"
    assert "NaN" in next(iter(outcome.refused.values()))


@pytest.mark.parametrize("code", [400, 422])
def test_a_model_that_takes_no_text_is_found_out_quickly(
    server: EmbeddingsServer, model: MakeModel, code: int
) -> None:
    server.always = misbehaving.status(code, message="unknown parameter: dimensions")
    with pytest.raises(EndpointRefused, match=r"accepts no text at all.*unknown parameter"):
        Outcome().gather(model(batch_texts=16))
    assert len(server.requests) < 10


def test_a_refused_key_ends_it_at_once(server: EmbeddingsServer, model: MakeModel) -> None:
    server.always = misbehaving.status(401)
    outcome = Outcome()
    with pytest.raises(CredentialsRefused):
        outcome.gather(model())
    assert len(server.requests) == outcome.requests == 1


def test_an_endpoint_that_stays_down_interrupts_and_what_came_stays(
    server: EmbeddingsServer, model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segments.embedding.dispatch.ATTEMPTS", 3)
    server.misdeeds.extend([lambda handler, body: handler.reply(handler.answer(body))] * 2)
    server.always = misbehaving.status(503)
    outcome = Outcome()
    with pytest.raises(EmbeddingInterrupted, match="try 3"):
        outcome.gather(model())
    assert len(outcome.vectors) == 8


def test_what_is_under_way_when_it_is_given_up_still_counts(
    server: EmbeddingsServer, model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segments.embedding.dispatch.ATTEMPTS", 1)
    server.seconds = 0.3
    server.misdeeds.append(misbehaving.status(500))
    outcome = Outcome()
    with pytest.raises(EmbeddingInterrupted):
        outcome.gather(model(calls=2))
    assert len(outcome.vectors) == 4


def test_a_rate_limit_is_waited_for_however_often_it_comes(
    server: EmbeddingsServer, model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segments.embedding.dispatch.ATTEMPTS", 1)
    server.misdeeds.extend([misbehaving.status(429, {"Retry-After": "0.01"})] * 6)
    assert Outcome().gather(model()).has_all_of()


def test_retry_after_is_honoured_by_all_requests(
    server: EmbeddingsServer, model: MakeModel
) -> None:
    server.misdeeds.append(misbehaving.status(429, {"Retry-After": "0.7"}))
    assert Outcome().gather(model()).has_all_of()
    refused, after, *_ = server.requests
    assert after.at - refused.at >= 0.7


def test_a_rate_limit_that_never_ends_interrupts(
    server: EmbeddingsServer, model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segments.embedding.dispatch.LONGEST_WAIT_SECONDS", 0)
    server.always = misbehaving.status(429, {"Retry-After": "0.05"})
    with pytest.raises(EmbeddingInterrupted, match="over its rate limit"):
        Outcome().gather(model())


@pytest.mark.parametrize("code", [429, 503])
def test_an_endpoint_that_wants_more_than_our_patience_interrupts_at_once(
    server: EmbeddingsServer, model: MakeModel, code: int
) -> None:
    server.always = misbehaving.status(code, {"Retry-After": "86400"})
    began = monotonic()
    with pytest.raises(EmbeddingInterrupted, match="86,400"):
        Outcome().gather(model(), pulse=lambda: _give_up_after(began, 10))
    assert len(server.requests) == 1


def test_nobody_is_kept_waiting_for_longer_than_our_patience(
    server: EmbeddingsServer, model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segments.embedding.dispatch.LONGEST_WAIT_SECONDS", 0.2)
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "24h"}
    server.misdeeds.append(lambda handler, body: handler.reply(handler.answer(body), 200, headers))
    began = monotonic()
    assert Outcome().gather(model(), pulse=lambda: _give_up_after(began, 10)).has_all_of()


def _give_up_after(began: float, seconds: float) -> None:
    assert monotonic() - began < seconds


def test_a_busy_endpoint_does_not_make_a_refused_text_the_models_fault(
    server: EmbeddingsServer, model: MakeModel
) -> None:
    server.misdeeds.extend([misbehaving.status(400), misbehaving.status(429)])
    assert set(Outcome().gather(model(), TEXTS[:1]).refused) == {0}


def test_a_wish_to_stop_is_heard_while_waiting(server: EmbeddingsServer, model: MakeModel) -> None:
    server.always = misbehaving.status(429, {"Retry-After": "60"})
    began = monotonic()

    def stop_soon() -> None:
        if monotonic() - began > 0.5:
            raise InterruptedError

    outcome = Outcome()
    with pytest.raises(InterruptedError):
        outcome.gather(model(), pulse=stop_soon)
    assert monotonic() - began < 5
    assert outcome.requests == len(server.requests) > 0, (
        "what was asked is billed, whoever stops it"
    )


def test_the_places_of_requests_under_way_are_kept(
    server: EmbeddingsServer, model: MakeModel, settings: Settings
) -> None:
    class Watched(OwnBudget):
        def keep(self, calls: Sequence[UUID]) -> None:
            kept.append(list(calls))

    kept: list[list[UUID]] = []
    settings.SEGMILL_LEASE_SECONDS = 0.4
    server.seconds = 0.5
    list(Dispatcher(model(), TEXTS[:1], Watched(1)).parts(lambda: None))

    assert len(kept) >= 2, "a few times a lease"
    assert all(len(calls) == 1 for calls in kept)


def test_no_texts_no_requests(server: EmbeddingsServer, model: MakeModel) -> None:
    assert not list(Dispatcher(model(), [], OwnBudget(1)).parts(lambda: None))
    assert not server.requests


class Counter:
    """As much of a model as planning batches takes: a token is a character."""

    provider = model = ""
    token_limit = dimensions = 8

    def __init__(self, texts: int, tokens: int) -> None:
        self.batching = Batching(texts, tokens)

    def count_tokens(self, text: str) -> int:
        return len(text)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return np.ones((len(texts), 8), np.float32)

    def embed_query(self, text: str) -> Vectors:
        return self.embed_passages([text])


@given(st.lists(st.text(max_size=30)), st.integers(1, 9), st.integers(1, 60))
def test_batches_hold_each_text_once_within_the_limits(
    texts: list[str], most_texts: int, most_tokens: int
) -> None:
    batches = list(plan(texts, Counter(most_texts, most_tokens)))
    assert sorted(place for batch in batches for place in batch.places) == list(range(len(texts)))
    for batch in batches:
        tokens = sum(len(texts[place]) for place in batch.places)
        assert batch.tokens == tokens
        assert len(batch.places) <= most_texts
        assert tokens <= most_tokens or len(batch.places) == 1


@given(st.integers(2, 100), st.integers(0, 1000))
def test_halves_are_the_whole(texts: int, tokens: int) -> None:
    first, last = Batch(tuple(range(texts)), tokens).halves()
    assert first.places + last.places == tuple(range(texts))
    assert first.tokens + last.tokens == tokens
    assert first.places
    assert last.places


@pytest.mark.parametrize(
    ("batching", "texts"),
    [(Batching(256, calls=4), 4_096), (Batching(16, calls=4), 256), (Batching(1), 128)],
)
def test_a_slow_model_has_smaller_checkpoints(batching: Batching, texts: int) -> None:
    assert batching.chunk_texts == texts

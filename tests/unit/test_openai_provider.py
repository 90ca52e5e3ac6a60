"""One request to an OpenAI-compatible endpoint, and everything it may be answered with."""

from email.utils import formatdate
from functools import partial
from time import monotonic, time

import numpy as np
import pytest

from segments.embedding.base import Purpose
from segments.embedding.credentials import Secret
from segments.embedding.rate_limits import duration, retry_after
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
from tests.servers import embeddings as misbehaving
from tests.servers.embeddings import DIMENSIONS, EmbeddingsServer, MakeModel, make_model, vector_of

KEY = "sk-very-secret"


@pytest.fixture
def model(server: EmbeddingsServer, monkeypatch: pytest.MonkeyPatch) -> MakeModel:
    """Makes a model behind the server, with options of the test's own."""
    monkeypatch.setattr("segments.embedding.providers.openai.TIMEOUT_SECONDS", 1)
    return partial(make_model, server, api_key=Secret(KEY))


def test_vectors_come_back_with_what_they_cost(server: EmbeddingsServer, model: MakeModel) -> None:
    answer = model().ask(["one two", "three"], Purpose.PASSAGE)

    np.testing.assert_allclose(answer.vectors, [vector_of("one two"), vector_of("three")], 1e-6)
    assert answer.vectors.dtype == np.float32
    assert answer.tokens == 3
    [request] = server.requests
    assert request.body["model"] == "m"
    assert request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("misdeed", [misbehaving.wrong_order, misbehaving.as_numbers])
def test_unusual_but_right_answers_are_understood(
    server: EmbeddingsServer, model: MakeModel, misdeed: misbehaving.Misdeed
) -> None:
    server.misdeeds.append(misdeed)
    answer = model().ask(["a", "b", "c"], Purpose.PASSAGE)
    np.testing.assert_allclose(answer.vectors, [vector_of(text) for text in "abc"], 1e-6)


def test_prefixes_and_input_types_go_with_the_purpose(
    server: EmbeddingsServer, model: MakeModel
) -> None:
    embedder = model(
        passage_prefix="passage: ",
        query_prefix="query: ",
        passage_input_type="document",
        query_input_type="query",
    )
    embedder.embed_passages(["text"])
    embedder.embed_query("text")

    passage, query = server.requests
    assert (passage.texts, passage.body["input_type"]) == (["passage: text"], "document")
    assert (query.texts, query.body["input_type"]) == (["query: text"], "query")


def test_nothing_is_sent_that_was_not_chosen(server: EmbeddingsServer, model: MakeModel) -> None:
    model().embed_passages(["text"])
    assert set(server.requests[0].body) == {"model", "input", "encoding_format"}


def test_dimensions_are_asked_for_only_if_wanted(
    server: EmbeddingsServer, model: MakeModel
) -> None:
    model(dimensions=DIMENSIONS).embed_passages(["text"])
    model(dimensions=DIMENSIONS, request_dimensions=True).embed_passages(["text"])

    quiet, asking = server.requests
    assert "dimensions" not in quiet.body
    assert asking.body["dimensions"] == DIMENSIONS


def test_unknown_dimensions_are_found_out_once(server: EmbeddingsServer, model: MakeModel) -> None:
    embedder = model()
    assert [embedder.dimensions, embedder.dimensions] == [DIMENSIONS, DIMENSIONS]
    assert len(server.requests) == 1


def test_openais_own_dimensions_are_known(server: EmbeddingsServer, model: MakeModel) -> None:
    assert model(model="text-embedding-3-large").dimensions == 3072
    assert not server.requests


@pytest.mark.parametrize(
    ("normalise", "length"), [(True, 1.0), (False, pytest.approx(np.sqrt(8) * 3))]
)
def test_vectors_are_of_length_one_if_wanted(
    server: EmbeddingsServer, model: MakeModel, normalise: bool, length: float
) -> None:
    server.misdeeds.append(misbehaving.with_value(3.0))
    vectors = model(normalise=normalise).ask(["a"], Purpose.PASSAGE).vectors
    assert np.linalg.norm(vectors[0]) == pytest.approx(length)


@pytest.mark.parametrize(
    ("misdeed", "error", "says"),
    [
        (misbehaving.status(401), CredentialsRefused, "Set a valid key"),
        (misbehaving.status(403), CredentialsRefused, "Set a valid key"),
        (misbehaving.status(404), EndpointRefused, r"no\. Check the base URL"),
        (misbehaving.status(400), TextsRefused, "no"),
        (misbehaving.status(413), TextsRefused, "413"),
        (misbehaving.status(422), TextsRefused, "422"),
        (misbehaving.status(429), RateLimited, "over its rate limit"),
        (misbehaving.status(408), EndpointFailed, "408"),
        (misbehaving.status(500), EndpointFailed, "500"),
        (misbehaving.status(503), EndpointFailed, "503"),
        (misbehaving.status(529), EndpointFailed, "529"),
        (misbehaving.redirect("http://10.0.0.1/"), EndpointRefused, "redirects to http://10.0.0.1"),
        (misbehaving.cut_connection, EndpointFailed, "did not answer"),
        (misbehaving.truncated_json, EndpointFailed, "invalid answer"),
        (misbehaving.not_json, EndpointFailed, "check the base URL"),
        (misbehaving.no_data, EndpointFailed, "check the base URL"),
        (misbehaving.billing(10**30), EndpointFailed, "bills"),
        (misbehaving.billing(-1), EndpointFailed, "bills"),
        (misbehaving.billing("many"), EndpointFailed, "invalid answer"),
        (misbehaving.billing(float("inf")), EndpointFailed, "invalid answer"),
        (misbehaving.wrong_count, EndpointFailed, "1 vectors for 2 texts"),
        (misbehaving.same_index, EndpointFailed, "indexes"),
        (misbehaving.with_dimensions(7), EndpointFailed, "Correct the model's dimensions"),
        (misbehaving.with_dimensions(0), EndpointFailed, "invalid answer"),
        (misbehaving.compressed, EndpointFailed, "compressed"),
        (misbehaving.drip(), EndpointFailed, "timed out"),
        (misbehaving.drip_headers, EndpointFailed, "timed out"),
        (misbehaving.huge, EndpointFailed, "too large"),
    ],
)
def test_a_bad_answer_is_named_for_what_it_means(
    server: EmbeddingsServer,
    model: MakeModel,
    monkeypatch: pytest.MonkeyPatch,
    misdeed: misbehaving.Misdeed,
    error: type[EmbeddingFailed],
    says: str,
) -> None:
    monkeypatch.setattr("segments.embedding.providers.openai.MAX_ANSWER_BYTES", 1_000_000)
    server.misdeeds.append(misdeed)
    began = monotonic()

    with pytest.raises(error, match=says) as caught:
        model(dimensions=DIMENSIONS).ask(["a", "b"], Purpose.PASSAGE)

    assert type(caught.value) is error
    assert monotonic() - began < 10, "a bad answer must not hold a worker"
    assert len(server.requests) == 1, "one request is one try"


def test_a_server_that_is_not_there_has_failed(model: MakeModel) -> None:
    with pytest.raises(EndpointFailed, match="did not answer"):
        model(base_url="http://127.0.0.1:9/v1").ask(["a"], Purpose.PASSAGE)


def test_a_host_that_nobody_knows_has_failed(model: MakeModel) -> None:
    with pytest.raises(EndpointFailed, match=r"host nowhere\.invalid is unknown"):
        model(base_url="http://nowhere.invalid/v1").ask(["a"], Purpose.PASSAGE)


def test_an_address_without_a_scheme_is_refused_at_once(model: MakeModel) -> None:
    with pytest.raises(NoEmbeddingModel, match="has no valid URL"):
        model(base_url="localhost:11434/v1")


def test_an_account_without_credit_is_no_rate_limit(
    server: EmbeddingsServer, model: MakeModel
) -> None:
    error = {"error": {"message": "You exceeded your quota.", "code": "insufficient_quota"}}
    server.misdeeds.append(lambda handler, body: handler.reply(error, 429))
    with pytest.raises(EmbeddingInterrupted, match="Top it up"):
        model().ask(["a"], Purpose.PASSAGE)


@pytest.mark.parametrize("code", [401, 404, 429, 500])
def test_the_key_is_never_repeated(server: EmbeddingsServer, model: MakeModel, code: int) -> None:
    server.misdeeds.append(misbehaving.status(code, message=f"Your key {KEY} is not good"))
    with pytest.raises(EmbeddingFailed) as caught:
        model().ask(["a"], Purpose.PASSAGE)

    assert KEY not in str(caught.value)
    assert KEY not in repr(model().settings)
    assert caught.value.__suppress_context__


def test_a_question_is_asked_again(
    server: EmbeddingsServer, model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segments.embedding.rate_limits.FIRST_PAUSE_SECONDS", 0.01)
    server.misdeeds.extend([misbehaving.status(500), misbehaving.status(429)])
    assert model().embed_query("a").shape == (1, DIMENSIONS)
    assert len(server.requests) == 3


def test_rate_limit_headers_ask_for_a_pause(server: EmbeddingsServer, model: MakeModel) -> None:
    headers = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m30s"}
    server.misdeeds.append(lambda handler, body: handler.reply(handler.answer(body), 200, headers))
    assert model().ask(["a"], Purpose.PASSAGE).pause == 90


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "nan", "retry-after": "1"}, 1),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_a_date() -> None:
    headers = {"retry-after": formatdate(time() + 600, usegmt=True)}
    assert retry_after(headers) == pytest.approx(600, abs=60)


@pytest.mark.parametrize(
    ("text", "seconds"), [("6m0s", 360), ("120ms", 0.12), ("1h2m3.5s", 3723.5), ("", 0), ("x", 0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)

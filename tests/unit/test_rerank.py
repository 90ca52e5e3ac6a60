"""Rerankers over HTTP: both forms, wrong answers, slow servers, keys that stay secret."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from segments.embedding.base import ModelSettings
from segments.embedding.credentials import Secret
from segments.embedding.rerank import Reranker
from segments.exceptions import RerankFailed
from tests.servers.rerank import RerankServer, rerank_server

TEXTS = ["apples grow on trees", "the lamp needs a bulb", "a bulb of the lamp is loose"]
KEY = "very-secret-key"


@pytest.fixture
def server() -> Iterator[RerankServer]:
    with rerank_server() as running:
        yield running


@pytest.fixture
def chosen(server: RerankServer) -> ModelSettings:
    """A reranker as an operator would set it up."""
    return ModelSettings(
        provider="rerank",
        kind="rerank",
        model="bge-reranker",
        base_url=server.url,
        api_key=Secret(KEY),
        is_trusted=True,
    )


def test_scores_come_by_the_place_of_their_text(
    server: RerankServer, chosen: ModelSettings
) -> None:
    scores = Reranker(chosen).scores("loose bulb", TEXTS)

    assert scores == {0: 0.0, 1: 0.5, 2: 1.0}
    [(path, headers, body)] = server.requests
    assert path == "/v1/rerank"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "bge-reranker", "query": "loose bulb", "documents": TEXTS, "top_n": 3
    }  # fmt: skip


def test_a_server_with_another_form_is_asked_in_it_from_then_on(
    server: RerankServer, chosen: ModelSettings
) -> None:
    server.is_tei = True
    reranker = Reranker(chosen)

    assert reranker.scores("loose bulb", TEXTS) == {0: 0.0, 1: 0.5, 2: 1.0}
    assert reranker.scores("loose bulb", TEXTS) == {0: 0.0, 1: 0.5, 2: 1.0}

    assert ["texts" in body for _, _, body in server.requests] == [False, True, True]


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [
        (500, {"error": f"out of memory, {KEY}"}, r"refuses \(500\).*out of memory, …"),
        (401, {"error": "unknown key"}, r"refuses \(401\)"),
        (400, {"error": "no such model"}, r"refuses \(400\).*no such model"),
        (200, b"nonsense", "invalid answer"),
        (200, {}, "no results"),
        (200, {"results": []}, "no results"),
        (200, [1], "invalid answer"),
        (200, {"results": [{"index": 3, "relevance_score": 1}]}, "index 3 does not fit"),
        (200, {"results": [{"index": -1, "relevance_score": 1}]}, "does not fit"),
        (200, {"results": [{"index": 0, "relevance_score": 1}] * 2}, "does not fit"),
        (200, {"results": [{"index": "0", "relevance_score": 1}]}, "does not fit"),
        (200, {"results": [{"index": 0}]}, "invalid answer"),
        (200, b'{"results": [{"index": 0, "relevance_score": NaN}]}', "is not a number"),
        (307, {}, r"refuses \(307\)"),
        (200, b" " * (5 * 1024 * 1024), "did not answer: the answer is too large"),
    ],
)
def test_a_wrong_answer_is_a_failure(
    server: RerankServer, chosen: ModelSettings, status: int, answer: Any, told: str
) -> None:
    server.always = lambda body: (status, answer)

    with pytest.raises(RerankFailed, match=told) as failure:
        Reranker(chosen).scores("loose bulb", TEXTS)

    assert KEY not in str(failure.value)


def test_fewer_results_than_texts_are_fine(server: RerankServer, chosen: ModelSettings) -> None:
    server.always = lambda body: (200, {"results": [{"index": 1, "relevance_score": 0.5}]})

    assert Reranker(chosen).scores("bulb", TEXTS) == {1: 0.5}


def test_a_slow_server_is_not_waited_for_and_not_asked_again_at_once(
    server: RerankServer, chosen: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segments.embedding.rerank.ANSWER_SECONDS", 0.2)
    server.seconds = 2.0
    reranker = Reranker(chosen)

    with pytest.raises(RerankFailed, match="did not answer in time"):
        reranker.scores("bulb", TEXTS)
    with pytest.raises(RerankFailed, match="not asked again for"):
        reranker.scores("bulb", TEXTS)

    assert len(server.requests) == 1


def test_a_server_that_is_away_is_a_failure(chosen: ModelSettings) -> None:
    with pytest.raises(RerankFailed, match="did not answer"):
        Reranker(replace(chosen, base_url="http://127.0.0.1:9")).scores("bulb", TEXTS)


def test_a_tenants_reranker_may_not_be_at_a_private_address(chosen: ModelSettings) -> None:
    with pytest.raises(RerankFailed, match="private address"):
        Reranker(replace(chosen, is_trusted=False)).scores("bulb", TEXTS)

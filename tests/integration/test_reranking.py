"""Reranking in searches: per dataset and per query, and searches that go on without it."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from datasets.models import Dataset, Document
from segments.embedding.catalog import RERANK
from segments.embedding.rerank import RerankModel, load_reranker
from segments.exceptions import NoRerankModel
from segments.models import ModelProvider, ProviderModel
from segments.search import search_result
from segments.search.reranking import set_rerank_model
from segments.services.model_providers import set_api_key, try_provider_model
from tests.servers.rerank import RerankServer, rerank_server

from .api_client import Api
from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = """external_id,question,answer
lamp,Why does the lamp flicker?,Its bulb is loose.
thermostat,How do I reset the thermostat?,Hold the round button.
pump,How do I clean the pump?,Rinse the filter of the lamp oil.
"""
MODEL = RerankModel(RERANK, "bge-reranker")


@pytest.fixture
def server(settings: Settings) -> Iterator[RerankServer]:
    """The installation's reranker."""
    load_reranker.cache_clear()
    with rerank_server() as running:
        settings.SEGMILL_RERANK_BASE_URL = running.url
        yield running


@pytest.fixture
def filled(dataset: Dataset, document: Document, import_text: ImportText) -> Dataset:
    """A dataset of three questions with answers."""
    import_text(document, ROWS)
    dataset.refresh_from_db()
    return dataset


def test_hits_come_in_the_order_and_with_the_scores_of_the_reranker(
    filled: Dataset, server: RerankServer
) -> None:
    found = search_result(filled, "rinse the filter", rerank=MODEL, top_k=2)

    assert found.reranking is not None
    assert found.reranking.is_done
    assert next(hit.external_id for hit in found.hits) == "pump"
    assert [hit.score for hit in found.hits] == sorted((h.score for h in found.hits), reverse=True)
    assert found.hits[0].score == 1.0
    [(_, _, body)] = server.requests
    assert "How do I clean the pump?\nRinse the filter of the lamp oil." in body["documents"]


def test_the_threshold_is_for_the_rerankers_scores(filled: Dataset, server: RerankServer) -> None:
    found = search_result(filled, "rinse the filter", rerank=MODEL, score_threshold=0.9)

    assert [hit.external_id for hit in found.hits] == ["pump"]


def test_a_dataset_has_a_reranker_and_a_query_may_do_without(
    filled: Dataset, server: RerankServer
) -> None:
    set_rerank_model(filled, MODEL)

    own = search_result(filled, "lamp")
    without = search_result(filled, "lamp", rerank=RerankModel())

    assert own.reranking is not None
    assert own.reranking.is_done
    assert without.reranking is None
    assert len(server.requests) == 1


def test_nothing_found_is_nothing_to_rerank(filled: Dataset, server: RerankServer) -> None:
    found = search_result(filled, "xyzzy", "full_text", rerank=MODEL)

    assert found.hits == []
    assert server.requests == []


def test_a_search_goes_on_without_a_reranker_that_is_slow(
    filled: Dataset, server: RerankServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segments.embedding.rerank.ANSWER_SECONDS", 0.2)
    server.seconds = 2.0

    found = search_result(filled, "lamp", rerank=MODEL)

    assert found.hits == search_result(filled, "lamp").hits
    assert found.reranking is not None
    assert (found.reranking.is_done, "in time" in found.reranking.reason) == (False, True)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (RerankModel("cohere", "rerank-v3.5"), "no reranker “rerank-v3.5” at a provider “cohere”"),
        (MODEL, "SEGMILL_RERANK_BASE_URL"),
    ],
)
def test_a_search_goes_on_without_a_reranker_that_is_not_there(
    filled: Dataset, model: RerankModel, told: str
) -> None:
    found = search_result(filled, "lamp", rerank=model)

    assert found.hits
    assert found.reranking is not None
    assert told in found.reranking.reason
    with pytest.raises(NoRerankModel, match=told):
        set_rerank_model(filled, model)


@pytest.fixture
def own(filled: Dataset, server: RerankServer, settings: Settings) -> ProviderModel:
    """A reranker of the tenant."""
    settings.SEGMILL_ENDPOINT_PRIVATE_ADDRESSES = True
    provider = ModelProvider(tenant=filled.tenant, name="ours", kind=RERANK, base_url=server.url)
    set_api_key(provider, "our-key")
    provider.save()
    return ProviderModel.objects.create(provider=provider, name="bge/large")


def test_a_tenant_has_rerankers_of_its_own(
    filled: Dataset, server: RerankServer, own: ProviderModel
) -> None:
    found = search_result(filled, "lamp", rerank=RerankModel("ours", "bge/large"))

    assert found.reranking is not None
    assert found.reranking.is_done
    assert server.requests[0][1]["Authorization"] == "Bearer our-key"
    assert try_provider_model(own).dimensions == 0


def test_a_request_names_a_reranker_and_the_answer_says_what_became_of_it(
    api: Api, filled: Dataset, server: RerankServer
) -> None:
    def retrieve(**model: Any) -> dict[str, Any]:
        body = {"query": "rinse the filter", "retrieval_model": model}
        answer: dict[str, Any] = api.post(f"datasets/{filled.pk}/retrieve", body).json()
        return answer

    named = {"reranking_provider_name": RERANK, "reranking_model_name": "bge-reranker"}
    expected = {"provider": RERANK, "model": "bge-reranker", "reranked": True, "reason": ""}
    answer = retrieve(reranking_enable=True, reranking_model=named)
    assert answer["reranking"] == expected
    assert answer["records"][0]["segment"]["external_id"] == "pump"
    assert retrieve()["reranking"] is None
    server.always = lambda body: (503, {"error": "overloaded"})
    answer = retrieve(reranking_enable=True, reranking_model=named)
    assert answer["reranking"]["reranked"] is False
    assert "overloaded" in answer["reranking"]["reason"]
    assert answer["records"]

    changed = api.patch(
        f"datasets/{filled.pk}",
        {"retrieval_model": {"reranking_enable": True, "reranking_model": named}},
    ).json()
    assert changed["retrieval_model_dict"]["reranking_enable"] is True
    assert changed["retrieval_model_dict"]["reranking_model"] == named
    assert retrieve()["reranking"]["model"] == "bge-reranker"
    assert retrieve(reranking_enable=False)["reranking"] is None
    by_weights = retrieve(reranking_enable=True, reranking_mode="weighted_score")
    assert by_weights["reranking"] is None


def test_the_command_names_a_reranker(filled: Dataset, server: RerankServer) -> None:
    def run(named: str, **options: Any) -> tuple[str, str]:
        out, err = StringIO(), StringIO()
        call_command(
            "search_segments", "rinse the filter", tenant="acme", dataset="handbook",
            rerank=named, stdout=out, stderr=err, **options,
        )  # fmt: skip
        return out.getvalue(), err.getvalue()

    answer = json.loads(run("rerank/bge-reranker", json=True)[0])
    assert answer["reranking"]["reranked"] is True
    assert "reranking" not in json.loads(run("none", json=True)[0])
    server.always = lambda body: (503, {"error": "overloaded"})
    assert "Not reranked: The reranker" in run("rerank/bge-reranker")[1]
    with pytest.raises(CommandError, match="PROVIDER/MODEL"):
        run("bge-reranker")

"""/v1/datasets and their documents: enough to start from nothing."""

import re
from typing import Any

import pytest

from datasets.models import Dataset, Document, IndexingTechnique, Tenant
from segments import tasks

from ..api_client import Api
from ..conftest import MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)


def test_from_nothing_to_segments(api: Api) -> None:
    dataset = api.post("datasets", {"name": "handbook"}).json()
    documents = f"datasets/{dataset['id']}/documents"
    made = api.post(documents, {"name": "faq", "doc_form": "qa_model"}).json()
    document = made["document"]
    assert re.fullmatch(r"\d{20}", made["batch"])
    assert (document["position"], document["created_by"], document["hit_count"]) == (1, "", 0)
    started = api.send(
        f"{documents}/{document['id']}/segments/batch_import",
        {"file": b"question,answer\nHow do I reset it?,Hold the button.\n"},
    ).json()
    assert started["job_status"] == "waiting"

    tasks.run_import(started["job_id"])

    status = api.get(f"datasets/batch_import_status/{started['job_id']}").json()
    assert (status["job_status"], status["rows_published"]) == ("completed", 1)
    found = api.post(f"datasets/{dataset['id']}/retrieve", {"query": "reset"}).json()
    assert found["records"][0]["segment"]["answer"] == "Hold the button."
    after = api.get(f"datasets/{dataset['id']}").json()
    assert (after["document_count"], after["segment_count"]) == (1, 1)
    assert after["word_count"] == len("How do I reset it?Hold the button.")


def test_a_dataset_is_shown_with_what_clients_of_dify_read(
    api: Api, dataset: Dataset, make_document: MakeDocument
) -> None:
    make_document(dataset)
    make_document(dataset, "off")
    Document.objects.filter(name="off").update(enabled=False, word_count=7)

    shown = api.get(f"datasets/{dataset.pk}").json()

    expected: dict[str, Any] = {
        "id": str(dataset.pk),
        "name": "handbook",
        "description": "",
        "provider": "vendor",
        "permission": "all_team_members",
        "data_source_type": "upload_file",
        "indexing_technique": "high_quality",
        "app_count": 0,
        "document_count": 2,
        "total_documents": 2,
        "total_available_documents": 1,
        "word_count": 7,
        "doc_form": "qa_model",
        "embedding_model": "l2_supercat_256",
        "embedding_model_provider": "wordllama",
        "embedding_available": True,
        "enable_api": True,
        "tags": [],
        "retrieval_model_dict": {
            "search_method": "semantic_search",
            "reranking_enable": False,
            "reranking_mode": None,
            "reranking_model": {"reranking_provider_name": "", "reranking_model_name": ""},
            "weights": {
                "weight_type": "customized",
                "vector_setting": {
                    "vector_weight": 0.3,
                    "embedding_provider_name": "wordllama",
                    "embedding_model_name": "l2_supercat_256",
                },
                "keyword_setting": {"keyword_weight": 0.7},
            },
            "top_k": 4,
            "score_threshold_enabled": False,
            "score_threshold": None,
        },
        "semantic_weight": 0.3,
        "semantic_weight_source": "default",
        "semantic_weight_basis": {},
        "doc_metadata": [],
        "external_knowledge_info": None,
        "created_by": "",
        "updated_by": "",
        "author_name": None,
        "created_at": int(dataset.created_at.timestamp()),
        "updated_at": int(dataset.updated_at.timestamp()),
    }
    assert {name: shown[name] for name in expected} == expected


def test_datasets_are_listed_by_pages(api: Api, tenant: Tenant) -> None:
    for number in range(25):
        Dataset.objects.create(
            tenant=tenant, name=f"dataset {number:02}", indexing_technique="economy"
        )

    first = api.get("datasets").json()
    second = api.get("datasets", {"page": 2, "limit": "20"}).json()

    assert [first[name] for name in ("page", "limit", "total", "has_more")] == [1, 20, 25, True]
    assert [second[name] for name in ("page", "limit", "total", "has_more")] == [2, 20, 25, False]
    names = [dataset["name"] for dataset in first["data"] + second["data"]]
    assert names == [f"dataset {number:02}" for number in reversed(range(25))]
    assert len(api.get("datasets", {"keyword": "ET 1"}).json()["data"]) == 10
    assert api.get("datasets", {"limit": 200}).json()["limit"] == 100
    assert api.get("datasets", {"limit": 25}).json()["has_more"] is False
    assert api.get("datasets", {"page": 99}).json()["data"] == []


def test_an_empty_page_is_the_first(api: Api, dataset: Dataset) -> None:
    asked = {"page": "", "limit": ""}
    for path in ("datasets", f"datasets/{dataset.pk}/documents"):
        listed = api.get(path, asked)
        assert (listed.status_code, listed.json()["page"], listed.json()["limit"]) == (200, 1, 20)


@pytest.mark.parametrize("name", ["page", "limit"])
@pytest.mark.parametrize("value", ["0", "-1", "bad", "1.5", "9" * 30, "1e3", "NaN"])
def test_a_page_that_cannot_be_is_refused(api: Api, name: str, value: str) -> None:
    answer = api.get("datasets", {name: value})

    if name == "limit" and value == "9" * 30:  # cut to the largest limit
        assert answer.json()["limit"] == 100
        return
    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["params"]) == ("invalid_param", name)


@pytest.mark.parametrize(
    ("body", "status", "code", "params"),
    [
        ({}, 400, "invalid_param", "name"),
        ({"name": ""}, 400, "invalid_param", "name"),
        ({"name": "  "}, 400, "invalid_param", "name"),
        ({"name": "x" * 41}, 400, "invalid_param", "name"),
        ({"name": "a\0b"}, 400, "invalid_param", "name"),
        ({"name": "\ud800"}, 400, "invalid_param", "name"),
        ({"name": ["a"]}, 400, "invalid_param", "name"),
        ({"name": "a", "description": "x" * 401}, 400, "invalid_param", "description"),
        ({"name": "a", "indexing_technique": "best"}, 400, "invalid_param", "indexing_technique"),
        ({"name": "a", "provider": "external"}, 400, "invalid_param", "provider"),
        ({"name": "a", "embedding_model": "none"}, 400, "no_embedding_model", None),
        ({"name": "a", "embedding_model_provider": "none"}, 400, "no_embedding_model", None),
        ({"name": "a", "text_search_config": "x"}, 400, "text_search_config_not_found", None),
        ({"name": "handbook"}, 409, "dataset_name_duplicate", None),
        ([], 400, "invalid_param", None),
        ("handbook", 400, "invalid_param", None),
        (None, 400, "invalid_param", "name"),
    ],
)
def test_a_dataset_that_cannot_be_made_is_refused(
    api: Api, dataset: Dataset, body: Any, status: int, code: str, params: str | None
) -> None:
    answer = api.post("datasets", body)

    assert answer.status_code == status, answer.json()
    assert answer.json()["code"] == code
    assert answer.json().get("params") == params
    assert Dataset.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "technique", "model"),
    [
        ({}, "high_quality", "l2_supercat_256"),
        ({"indexing_technique": None}, "high_quality", "l2_supercat_256"),
        ({"indexing_technique": "economy"}, "economy", ""),
        ({"permission": "only_me", "retrieval_model": {}}, "high_quality", "l2_supercat_256"),
        ({"text_search_config": "german"}, "high_quality", "l2_supercat_256"),
    ],
)
def test_a_dataset_is_made_as_asked(
    api: Api, tenant: Tenant, body: dict[str, Any], technique: str, model: str
) -> None:
    answer = api.post("datasets", {"name": "new", "description": "Of it.", **body})

    assert answer.status_code == 200, answer.json()
    made = Dataset.objects.get(pk=answer.json()["id"])
    assert (made.tenant, made.name, made.description) == (tenant, "new", "Of it.")
    assert (made.indexing_technique, made.embedding_model) == (technique, model)
    assert made.text_search_config == body.get("text_search_config", "english")


def test_documents_are_listed_by_their_state(
    api: Api, dataset: Dataset, make_document: MakeDocument
) -> None:
    states: dict[str, dict[str, Any]] = {
        "available": {},
        "disabled": {"enabled": False},
        "archived": {"archived": True, "enabled": False},
        "queuing": {"indexing_status": "waiting"},
        "indexing": {"indexing_status": "splitting"},
        "paused": {"indexing_status": "paused"},
        "error": {"indexing_status": "error"},
    }
    for name, state in states.items():
        made = make_document(dataset, name)
        Document.objects.filter(pk=made.pk).update(**state)
    documents = f"datasets/{dataset.pk}/documents"

    for name in states:
        listed = api.get(documents, {"status": name}).json()["data"]
        assert [(entry["name"], entry["display_status"]) for entry in listed] == [(name, name)]
    assert api.get(documents).json()["total"] == len(states)
    listed = api.get(documents).json()["data"]
    assert [entry["name"] for entry in listed] == [*reversed(states)]
    assert [entry["position"] for entry in listed] == [*range(len(states), 0, -1)]
    assert api.get(documents, {"keyword": "DIS"}).json()["total"] == 1
    assert api.get(documents, {"status": "none"}).json()["params"] == "status"


def test_a_document_that_cannot_be_made_is_refused(api: Api, dataset: Dataset) -> None:
    documents = f"datasets/{dataset.pk}/documents"

    for body in ({}, {"name": " "}, {"name": "a", "doc_form": "tree_model"}):
        answer = api.post(documents, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param")
    assert not Document.objects.exists()


def test_a_dataset_may_be_closed_to_programs(
    api: Api, dataset: Dataset, document: Document
) -> None:
    job = api.start(document)
    Dataset.objects.filter(pk=dataset.pk).update(enable_api=False)

    for path in (f"datasets/{dataset.pk}", f"datasets/{dataset.pk}/documents", f"imports/{job}"):
        answer = api.get(path)
        assert answer.status_code == 403
        assert answer.json()["message"] == "Dataset api access is not enabled."
    assert api.get("imports").json()["total"] == 0
    assert api.get("datasets").json()["total"] == 1


def test_an_economy_dataset_answers_by_words_whatever_is_asked_for(
    api: Api, economy: Dataset, make_document: MakeDocument
) -> None:
    assert economy.indexing_technique == IndexingTechnique.ECONOMY
    job = api.start(make_document(economy))
    tasks.run_import(job)

    found = api.post(f"datasets/{economy.pk}/retrieve", {"query": "button"}).json()

    assert [record["segment"]["content"] for record in found["records"]] == ["How do I reset it?"]

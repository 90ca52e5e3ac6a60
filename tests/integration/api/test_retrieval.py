"""Questions about a dataset."""

from time import monotonic
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from pytest_django import DjangoAssertNumQueries

from datasets.models import Dataset, Document
from segments.api.serializers.retrieval import RecordSerializer
from segments.models import DocumentSegment
from segments.search.hit_counts import HITS

from ..api_client import QA, Api
from ..conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def filled(document: Document, import_text: ImportText) -> Document:
    import_text(document, QA)
    return document


@pytest.mark.parametrize("path", ["retrieve", "hit-testing"])
def test_a_question_is_answered_with_segments(
    api: Api, dataset: Dataset, filled: Document, path: str
) -> None:
    answer = api.post(f"datasets/{dataset.pk}/{path}", {"query": "How can I reset it?"}).json()

    assert answer["query"] == {"content": "How can I reset it?"}
    best = answer["records"][0]
    assert best["score"] > 0.5
    assert (best["child_chunks"], best["files"]) == ([], [])
    assert (best["tsne_position"], best["summary"]) == (None, None)
    segment = best["segment"]
    expected: dict[str, Any] = {
        "position": 1,
        "document_id": str(filled.pk),
        "content": "How do I reset it?",
        "sign_content": "How do I reset it?",
        "answer": "Hold the button.",
        "word_count": 34,
        "tokens": 6,
        "keywords": [],
        "hit_count": 0,
        "enabled": True,
        "disabled_at": None,
        "disabled_by": None,
        "status": "completed",
        "error": None,
        "stopped_at": None,
        "created_by": "",
        "document": {
            "id": str(filled.pk),
            "data_source_type": "upload_file",
            "name": "faq",
            "doc_type": None,
            "doc_metadata": {
                "document_name": "faq",
                "uploader": "",
                "upload_date": int(filled.created_at.timestamp()),
                "last_update_date": segment["document"]["doc_metadata"]["last_update_date"],
                "source": "file_upload",
            },
        },
    }
    assert {name: segment[name] for name in expected} == expected
    assert isinstance(segment["completed_at"], int)


@pytest.mark.parametrize(
    ("model", "contents"),
    [
        (None, 2),
        ({}, 2),
        ({"search_method": "semantic_search", "top_k": 1}, 1),
        ({"search_method": "full_text_search", "reranking_enable": False}, 1),
        ({"search_method": "keyword_search"}, 1),
        ({"search_method": "hybrid_search", "top_k": 2}, 2),
        ({"score_threshold_enabled": True, "score_threshold": 0.999}, 0),
        ({"score_threshold_enabled": False, "score_threshold": 0.999}, 2),
        ({"score_threshold_enabled": True, "score_threshold": None}, 2),
    ],
)
def test_it_is_found_as_asked(
    api: Api, dataset: Dataset, filled: Document, model: dict[str, Any] | None, contents: int
) -> None:
    body = {"query": "reset", "retrieval_model": model}

    records = api.post(f"datasets/{dataset.pk}/retrieve", body).json()["records"]

    assert len(records) == contents


@pytest.mark.parametrize(
    ("body", "params"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": "x" * 251}, "query"),
        ({"query": "a\0"}, "query"),
        ({"query": "a", "retrieval_model": {"top_k": 0}}, "retrieval_model.top_k"),
        ({"query": "a", "retrieval_model": {"top_k": 101}}, "retrieval_model.top_k"),
        (
            {"query": "a", "retrieval_model": {"search_method": "x"}},
            "retrieval_model.search_method",
        ),
        ({"query": "a", "retrieval_model": "semantic_search"}, "retrieval_model"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(
    api: Api, dataset: Dataset, body: dict[str, Any], params: str
) -> None:
    answer = api.post(f"datasets/{dataset.pk}/retrieve", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param")
    assert params in answer.json()["params"]


@pytest.mark.parametrize("query", ['"', "' OR 1=1 --", "& | ! ( ) : *", "😀", "%_\\", "x" * 250])
def test_any_text_is_a_question(api: Api, dataset: Dataset, filled: Document, query: str) -> None:
    for method in ("semantic_search", "full_text_search", "hybrid_search"):
        body = {"query": query, "retrieval_model": {"search_method": method}}
        assert api.post(f"datasets/{dataset.pk}/retrieve", body).status_code == 200


def pages_of_full_text_pending() -> int:
    """How many there were: asking merges them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT gin_clean_pending_list('segment_full_text')")
        return int(cursor.fetchone()[0])


def test_hits_are_counted_with_one_write_for_many_questions(
    api: Api, document: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_text(document, QA)
    monkeypatch.setattr(HITS, "_due", monotonic() + 60)
    body = {"query": "reset", "retrieval_model": {"search_method": "full_text_search"}}
    for _ in range(3):
        assert api.post(f"datasets/{document.dataset_id}/retrieve", body).status_code == 200
    assert not document.segments.filter(hit_count__gt=0).exists(), "nothing is written yet"

    monkeypatch.setattr(HITS, "_due", 0.0)
    before = list(document.segments.values_list("version", "updated_at"))
    api.get("datasets")

    assert sorted(document.segments.values_list("hit_count", flat=True)) == [0, 3]
    shown = api.get(f"datasets/{document.dataset_id}/documents/{document.pk}").json()
    assert shown["hit_count"] == 3
    assert list(document.segments.values_list("version", "updated_at")) == before
    listed = api.get(f"datasets/{document.dataset_id}/documents/{document.pk}/segments")
    assert {segment["hit_count"] for segment in listed.json()["data"]} == {0, 3}
    assert not pages_of_full_text_pending(), "each look-up of a word would read them"


def test_a_record_is_what_the_schema_describes(
    api: Api, dataset: Dataset, filled: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HITS, "_due", monotonic() + 60)  # it is counted after the answer
    person = User.objects.create_user("ann")
    Document.objects.update(created_by=person, doc_metadata={"year": 2024})
    DocumentSegment.objects.update(
        created_by=person, keywords=["a", "b"], metadata={"page": [1]}, stopped_at=Now()
    )

    records = api.post(f"datasets/{dataset.pk}/retrieve", {"query": "How can I reset it?"}).json()

    for record in records["records"]:
        segment = DocumentSegment.objects.get(pk=record["segment"]["id"])
        assert record["segment"]["document"]["doc_metadata"]["uploader"] == "ann"
        described = {"segment": segment, "score": record["score"], "child_chunks": ()}
        assert record == RecordSerializer(described).data


def test_a_question_takes_few_statements(
    api: Api,
    dataset: Dataset,
    filled: Document,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    question = {"query": "reset it?", "retrieval_model": {"search_method": "hybrid_search"}}
    api.post(f"datasets/{dataset.pk}/retrieve", question)  # notes that the key was used

    with django_assert_max_num_queries(8):
        assert api.post(f"datasets/{dataset.pk}/retrieve", question).json()["records"]


def conditions(*listed: dict[str, Any], joined: str = "and") -> dict[str, Any]:
    """The body of a question with conditions."""
    conditions = {"logical_operator": joined, "conditions": listed}
    return {"retrieval_model": {"metadata_filtering_conditions": conditions}}


CHEAP = {"name": "price", "comparison_operator": "<", "value": 15}
PARTS = {"id": "1", "name": "category", "comparison_operator": "is", "value": "Parts"}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (conditions(CHEAP), ["b", "c"]),
        (conditions(CHEAP, PARTS), ["b"]),
        (conditions(CHEAP, PARTS, joined="or"), ["a", "b", "c"]),
        (conditions(), ["a", "b", "c"]),
        (conditions({"name": "gone", "comparison_operator": "is", "value": "x"}), []),
        (conditions({"name": "gone", "comparison_operator": "empty"}), ["a", "b", "c"]),
        (conditions({"name": "price", "comparison_operator": "in", "value": [10, 5]}), ["b", "c"]),
        ({"filter": {"external_ids": ["a", "c", "x"]}}, ["a", "c"]),
        ({"filter": {"external_ids": []}}, []),
        ({"filter": {"keywords": ["old"]}}, ["b"]),
        ({"filter": {"document_ids": ["00000000-0000-0000-0000-000000000000"]}}, []),
        ({"filter": {"enabled": False}}, ["off"]),
        ({"filter": {"enabled": None}}, ["a", "b", "c", "off"]),
        ({"filter": None}, ["a", "b", "c"]),
        (conditions(CHEAP) | {"filter": {"external_ids": ["a", "c"]}}, ["c"]),
    ],
)
def test_a_question_is_answered_from_what_passes(
    api: Api, passages: Document, import_text: ImportText, body: dict[str, Any], found: list[str]
) -> None:
    rows = (
        "content,external_id,enabled,keywords,metadata.price,metadata.category\n"
        "pump,a,yes,new,20,Parts\npump,b,yes,old,10,Parts\npump,c,yes,,5,Tools\npump,off,no,,1,x\n"
    )
    assert import_text(passages, rows).status == "completed"

    answer = api.post(f"datasets/{passages.dataset_id}/retrieve", {"query": "pump"} | body)

    names = {str(row.pk): str(row.external_id) for row in DocumentSegment.objects.all()}
    assert sorted(names[each["segment"]["id"]] for each in answer.json()["records"]) == found


def test_a_dataset_keeps_conditions(api: Api, passages: Document, import_text: ImportText) -> None:
    import_text(passages, "content,metadata.price\nred pump,10\nblue pump,20\n")
    path = f"datasets/{passages.dataset_id}"
    way = {"search_method": "full_text_search", **conditions(CHEAP)["retrieval_model"]}
    assert api.patch(path, {"retrieval_model": way}).status_code == 200

    records = api.post(f"{path}/retrieve", {"query": "pump"}).json()["records"]

    assert [each["segment"]["content"] for each in records] == ["red pump"]


@pytest.mark.parametrize(
    ("body", "params"),
    [
        (conditions({**CHEAP, "comparison_operator": "like"}), "metadata_filtering_conditions"),
        (conditions({**CHEAP, "value": None}), "metadata_filtering_conditions"),
        (conditions({**CHEAP, "value": {"$gt": 1}}), "metadata_filtering_conditions"),
        (conditions({**CHEAP, "value": "much"}), "metadata_filtering_conditions"),
        (conditions({"comparison_operator": "is"}), "metadata_filtering_conditions"),
        (conditions(CHEAP, joined="xor"), "metadata_filtering_conditions"),
        (conditions(*[CHEAP] * 1000), "metadata_filtering_conditions"),
        ({"retrieval_model": {"metadata_filtering_conditions": ["a"]}}, "conditions"),
        ({"filter": {"external_ids": ["x"] * 1001}}, "filter.external_ids"),
        ({"filter": {"document_ids": ["x"]}}, "filter.document_ids"),
        ({"filter": {"enabled": "maybe"}}, "filter.enabled"),
        ({"filter": []}, "filter"),
    ],
)
def test_a_filter_that_cannot_be_understood_is_refused_by_name(
    api: Api, dataset: Dataset, body: dict[str, Any], params: str
) -> None:
    answer = api.post(f"datasets/{dataset.pk}/retrieve", {"query": "a"} | body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param")
    assert params in answer.json()["params"]

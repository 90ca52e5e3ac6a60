"""Segments by HTTP: added all at once, listed with filters, read, changed, deleted."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from datasets.models import Dataset, DocForm, Document
from segments import tasks
from segments.models import DocumentSegment

from ..api_client import QA, Api
from ..conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)


def path_of(document: Document, segment: Any = "") -> str:
    path = f"datasets/{document.dataset_id}/documents/{document.pk}/segments"
    return f"{path}/{segment}" if segment else path


@pytest.fixture
def add(api: Api) -> Callable[..., list[dict[str, Any]]]:
    """Adds segments and gives back what the API shows of them."""

    def run(document: Document, *segments: dict[str, Any]) -> list[dict[str, Any]]:
        answer = api.post(path_of(document), {"segments": list(segments)})
        assert answer.status_code == 200, answer.json()
        return list(answer.json()["data"])

    return run


def test_added_segments_are_found_at_once(
    api: Api, passages: Document, add: Callable[..., Any]
) -> None:
    first, second = add(
        passages,
        {"content": "The lamp is reset with the button.", "keywords": ["lamp"]},
        {"content": "Made in Ulm.", "attachment_ids": []},
    )

    assert (first["position"], second["position"]) == (1, 2)
    assert first["status"] == "completed"
    assert first["keywords"] == ["lamp"]
    assert second["keywords"] == []
    assert (first["word_count"], first["answer"]) == (34, None)
    assert first["child_chunks"] == first["attachments"] == []
    passages.refresh_from_db()
    assert (passages.segment_count, passages.word_count) == (2, 34 + 12)
    query = {"query": "Where is it made?", "retrieval_model": {"search_method": "hybrid_search"}}
    records = api.post(f"datasets/{passages.dataset_id}/retrieve", query).json()["records"]
    assert {record["segment"]["id"] for record in records} == {first["id"], second["id"]}
    assert DocumentSegment.objects.filter(embedding__isnull=False).count() == 2


def test_questions_need_answers(api: Api, document: Document) -> None:
    for answer, message in (
        ({}, "Answer is required"),
        ({"answer": None}, "Answer is required"),
        ({"answer": " "}, "Answer is empty"),
    ):
        refused = api.post(path_of(document), {"segments": [{"content": "Why?"} | answer]})
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_param")
        assert refused.json()["message"] == message
    assert not DocumentSegment.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"segments": None},
        {"segments": []},
        {"segments": [{}]},
        {"segments": [{"content": " "}]},
        {"segments": [{"content": ""}]},
        {"segments": [{"content": "good"}, {"content": None}]},
        {"segments": [{"content": "good", "keywords": "word"}]},
        {"segments": [{"content": "good", "attachment_ids": [str(uuid4())]}]},
        {"segments": [{"content": "good", "metadata": 7}]},
        {"segments": "text"},
        [],
    ],
)
def test_a_body_that_breaks_a_rule_adds_nothing(api: Api, passages: Document, body: Any) -> None:
    answer = api.post(path_of(passages), body)

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_param"
    assert answer.json()["error"] == answer.json()["message"]
    assert not DocumentSegment.objects.exists()


def test_one_bad_segment_keeps_all_out(api: Api, passages: Document) -> None:
    wanted = [{"content": "good"}, {"content": "x" * 100_001}]

    answer = api.post(path_of(passages), {"segments": wanted})

    assert answer.status_code == 400
    assert "Segment 2" in answer.json()["message"]
    assert not DocumentSegment.objects.exists()


def test_an_external_id_stands_once(api: Api, passages: Document, add: Callable[..., Any]) -> None:
    (first,) = add(passages, {"content": "a", "external_id": "1", "metadata": {"page": 7}})

    again = api.post(path_of(passages), {"segments": [{"content": "b", "external_id": "1"}]})

    assert (first["external_id"], first["metadata"]) == ("1", {"page": 7})
    assert again.status_code == 400
    assert DocumentSegment.objects.count() == 1


@pytest.mark.parametrize(
    ("state", "status", "message"),
    [
        ({"enabled": False}, 404, "Document is disabled."),
        ({"indexing_status": "indexing"}, 404, "Document is not completed."),
        ({"archived": True}, 403, "The archived document is not editable."),
    ],
)
def test_a_document_that_takes_none(
    api: Api, passages: Document, state: dict[str, Any], status: int, message: str
) -> None:
    Document.objects.filter(pk=passages.pk).update(**state)

    answer = api.post(path_of(passages), {"segments": [{"content": "a"}]})

    assert (answer.status_code, answer.json()["message"]) == (status, message)


def test_lists_are_filtered_and_cut(api: Api, passages: Document, add: Callable[..., Any]) -> None:
    add(
        passages,
        {"content": "100% wool"},
        {"content": "a 100 percent", "enabled": False},
        {"content": "b", "keywords": ["Wool"]},
    )

    def contents(**query: Any) -> list[str]:
        answer = api.get(path_of(passages), query).json()
        return [segment["content"] for segment in answer["data"]]

    assert contents() == ["100% wool", "a 100 percent", "b"]
    assert contents(keyword="100%") == ["100% wool"]
    assert contents(keyword="wool") == ["100% wool", "b"]
    assert contents(keyword="") == contents()
    assert contents(enabled="false") == ["a 100 percent"]
    assert contents(status=["error"]) == []
    assert len(contents(status=["error", "completed"])) == 3
    assert contents(hit_count_gte=1) == []
    assert contents(page=2, limit=2) == ["b"]


def test_pages_say_where_they_stand(api: Api, passages: Document, add: Callable[..., Any]) -> None:
    add(passages, *({"content": f"number {number}"} for number in range(150)))

    asked_for_200 = api.get(path_of(passages), {"limit": 200}).json()
    last = api.get(path_of(passages), {"limit": 50, "page": 3}).json()

    assert (asked_for_200["limit"], asked_for_200["has_more"]) == (100, True)
    assert (asked_for_200["total"], asked_for_200["doc_form"]) == (150, "text_model")
    assert (len(last["data"]), last["has_more"], last["page"]) == (50, False, 3)


@pytest.mark.parametrize("name", ["page", "limit"])
@pytest.mark.parametrize("value", ["0", "-1", "bad", "", "1.5"])
def test_pages_that_are_none(api: Api, passages: Document, name: str, value: str) -> None:
    answer = api.get(path_of(passages), {name: value})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param")


@pytest.mark.parametrize("query", [{"status": "nonsense"}, {"enabled": "maybe"}])
def test_a_filter_that_is_none_finds_nothing(
    api: Api, passages: Document, query: dict[str, str]
) -> None:
    assert api.get(path_of(passages), query).status_code == 400


def test_a_segment_is_read_changed_and_deleted(
    api: Api, document: Document, add: Callable[..., Any]
) -> None:
    (segment,) = add(document, {"content": "Why?", "answer": "Because.", "keywords": ["why"]})
    path = path_of(document, segment["id"])

    changed = api.post(path, {"segment": {"content": "Why not?"}})
    read = api.get(path)

    assert changed.status_code == read.status_code == 200
    assert changed.json() == read.json()
    data = read.json()["data"]
    assert (data["content"], data["answer"], data["keywords"]) == ("Why not?", "Because.", ["why"])
    assert read.json()["doc_form"] == "qa_model"
    deleted = api.client.delete(f"/v1/{path}", headers=api.headers)
    assert (deleted.status_code, deleted.json()) == (200, {"result": "success"})
    assert (api.get(path).status_code, api.get(path).json()["message"]) == (
        404,
        "Segment not found.",
    )
    document.refresh_from_db()
    assert (document.segment_count, document.word_count) == (0, 0)


def test_a_disabled_segment_takes_no_other_change(
    api: Api, passages: Document, add: Callable[..., Any]
) -> None:
    (segment,) = add(passages, {"content": "a"})
    path = path_of(passages, segment["id"])

    off = api.post(path, {"segment": {"enabled": False}}).json()["data"]
    refused = api.post(path, {"segment": {"content": "b"}})
    on = api.post(path, {"segment": {"content": "b", "enabled": True}}).json()["data"]

    assert (off["enabled"], off["disabled_at"] is None) == (False, False)
    assert (refused.status_code, refused.json()["message"]) == (
        400,
        "Can't update disabled segment",
    )
    assert (on["enabled"], on["content"], on["disabled_at"]) == (True, "b", None)


@pytest.mark.parametrize(
    "change",
    [
        {"attachment_ids": [str(uuid4())]},
        {"regenerate_child_chunks": True},
        {"summary": "short"},
    ],
)
def test_what_is_not_done_is_refused_by_name(
    api: Api, passages: Document, add: Callable[..., Any], change: dict[str, Any]
) -> None:
    (segment,) = add(passages, {"content": "a"})

    answer = api.post(path_of(passages, segment["id"]), {"segment": {"content": "b"} | change})

    assert answer.status_code == 400
    assert answer.json()["params"] == f"segment.{next(iter(change))}"
    assert DocumentSegment.objects.get().content == "a"


def test_an_economy_dataset_has_segments_too(
    api: Api, economy: Dataset, make_document: MakeDocument, add: Callable[..., Any]
) -> None:
    document = make_document(economy, "notes", DocForm.TEXT)

    add(document, {"content": "The lamp is green."})

    records = api.post(f"datasets/{economy.pk}/retrieve", {"query": "lamp"}).json()["records"]
    assert [record["segment"]["content"] for record in records] == ["The lamp is green."]


def test_a_change_for_another_state_of_the_segment_is_refused(
    api: Api, document: Document, import_text: ImportText
) -> None:
    import_text(document, QA)
    segment = document.segments.first()
    assert segment is not None
    path = f"datasets/{document.dataset_id}/documents/{document.pk}/segments/{segment.pk}"
    seen = api.get(path)["ETag"]
    assert api.get(path)["ETag"] == seen

    first = api.post(path, {"segment": {"answer": "Press it."}}, **{"If-Match": seen})
    second = api.post(path, {"segment": {"answer": "No, hold it."}}, **{"If-Match": seen})

    assert (first.status_code, first["ETag"] != seen) == (200, True)
    assert (second.status_code, second.json()["code"]) == (412, "precondition_failed")
    assert api.get(path).json()["data"]["answer"] == "Press it."
    both = f"{seen}, {first['ETag']}"
    for accepted in (both, "*"):
        answer = api.post(path, {"segment": {"answer": "Twice."}}, **{"If-Match": accepted})
        assert answer.status_code == 200


def test_the_history_of_a_segment_outlives_it(api: Api, document: Document) -> None:
    tasks.run_import(api.start(document))
    segment = DocumentSegment.objects.order_by("position")[0]
    one = f"datasets/{document.dataset_id}/documents/{document.pk}/segments/{segment.pk}"
    assert api.get(f"{one}/history").json()["data"] == []

    api.post(one, {"segment": {"content": "Where is it?", "answer": "Here."}})
    assert api.delete(one).status_code == 200

    page = api.get(f"{one}/history", {"limit": 1}).json()
    assert (page["total"], page["has_more"]) == (2, True)
    (deleted,) = page["data"]
    assert (deleted["kind"], deleted["after"]) == ("deleted", None)
    assert deleted["before"]["content"] == "Where is it?"
    (edited,) = api.get(f"{one}/history", {"limit": 1, "page": 2}).json()["data"]
    assert edited["before"]["content"] == segment.content

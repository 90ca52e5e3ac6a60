"""Documents as a whole by HTTP: their state, metadata, tags of their dataset, downloads."""

from typing import Any

import pytest

from datasets.models import Dataset, Document
from segments.models import DocumentSegment

from ..api_client import Api

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def path(passages: Document) -> str:
    return f"datasets/{passages.dataset_id}/documents/{passages.pk}"


def send(api: Api, method: str, path: str, body: Any = None) -> Any:
    ask = getattr(api.client, method)
    return ask(f"/v1/{path}", body or {}, "application/json", headers=api.headers)


def test_a_document_is_switched_and_deleted(api: Api, passages: Document, path: str) -> None:
    status = f"datasets/{passages.dataset_id}/documents/status"
    ids = {"document_ids": [str(passages.pk)]}

    for action, shown in (
        ("disable", "disabled"),
        ("enable", "available"),
        ("archive", "archived"),
    ):
        answer = send(api, "patch", f"{status}/{action}", ids)
        assert (answer.status_code, answer.json()) == (200, {"result": "success"})
        assert api.get(path).json()["display_status"] == shown
    refused = send(api, "delete", path)
    assert (refused.status_code, refused.json()["code"]) == (403, "archived_document_immutable")
    assert send(api, "patch", f"{status}/disable", ids).status_code == 403
    assert send(api, "patch", f"{status}/un_archive", ids).status_code == 200
    assert send(api, "patch", f"{status}/burn", ids).json()["code"] == "invalid_action"
    assert send(api, "delete", path).json() == {"result": "success"}
    assert api.get(path).status_code == 404


def test_a_document_is_not_deleted_while_it_is_filled(
    api: Api, passages: Document, path: str
) -> None:
    api.start(passages, b"content\na\n")

    refused = send(api, "delete", path)

    assert (refused.status_code, refused.json()["message"]) == (
        400,
        "Cannot delete document during indexing.",
    )


def test_how_much_of_a_document_is_shown(api: Api, path: str) -> None:
    only = api.get(path, {"metadata": "only"}).json()
    without = api.get(path, {"metadata": "without"}).json()
    refused = api.get(path, {"metadata": "some"})

    assert set(only) == {"id", "doc_type", "doc_metadata"}
    assert "doc_metadata" not in without
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_metadata")


def test_documents_have_values_of_the_datasets_fields(
    api: Api, passages: Document, path: str
) -> None:
    metadata = f"datasets/{passages.dataset_id}/metadata"
    made = send(api, "post", metadata, {"type": "number", "name": "year"})
    field = made.json()
    values = {"document_id": str(passages.pk)}
    url = f"datasets/{passages.dataset_id}/documents/metadata"

    def give(value: Any) -> Any:
        entry = {"id": field["id"], "name": "year", "value": value}
        return send(api, "post", url, {"operation_data": [values | {"metadata_list": [entry]}]})

    assert made.status_code == 201
    assert send(api, "post", metadata, {"type": "number", "name": "year"}).status_code == 400
    assert send(api, "post", metadata, {"type": "string", "name": "source"}).status_code == 400
    assert give("soon").json()["code"] == "invalid_metadata"
    assert give(True).status_code == 400
    assert give("1999").status_code == 200
    assert api.get(path).json()["doc_metadata"] == [
        {"id": field["id"], "name": "year", "type": "number", "value": 1999}
    ]
    send(api, "patch", f"{metadata}/{field['id']}", {"name": "Jahr"})
    assert api.get(path).json()["doc_metadata"][0]["name"] == "Jahr"
    assert send(api, "delete", f"{metadata}/{field['id']}").status_code == 204
    assert api.get(path).json()["doc_metadata"] is None
    send(api, "post", f"{metadata}/built-in/enable")
    built_in = {entry["name"]: entry["value"] for entry in api.get(path).json()["doc_metadata"]}
    assert built_in["document_name"] == "manual"
    assert len(api.get(f"{metadata}/built-in").json()["fields"]) == len(built_in) == 5


def test_a_link_gives_the_document_without_a_key(api: Api, passages: Document, path: str) -> None:
    api.post(f"{path}/segments", {"segments": [{"content": "The lamp is green."}]})

    url = api.get(f"{path}/download").json()["url"]

    answer = Api().client.get(url)
    assert b"The lamp is green." in b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert Api().client.get(url + "x").status_code == 404
    assert api.get(f"{path}/upload-file").status_code == 404


def test_a_dataset_is_changed_and_deleted(api: Api, dataset: Dataset) -> None:
    way = {"search_method": "full_text_search", "top_k": 2, "reranking_enable": False}
    path = f"datasets/{dataset.pk}"

    changed = send(api, "patch", path, {"name": "new", "retrieval_model": way}).json()

    assert changed["name"] == "new"
    assert changed["retrieval_model_dict"]["search_method"] == "full_text_search"
    assert changed["retrieval_model_dict"]["top_k"] == 2
    deleted = send(api, "delete", path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert not Dataset.objects.filter(pk=dataset.pk).exists()


def test_questions_are_answered_the_datasets_way(api: Api, passages: Document, path: str) -> None:
    api.post(f"{path}/segments", {"segments": [{"content": "lamp"}, {"content": "button"}]})
    way = {"search_method": "full_text_search", "top_k": 1}
    send(api, "patch", f"datasets/{passages.dataset_id}", {"retrieval_model": way})

    records = api.post(f"datasets/{passages.dataset_id}/retrieve", {"query": "lamp"}).json()

    assert [record["segment"]["content"] for record in records["records"]] == ["lamp"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"retrieval_model": {"score_threshold": False}}, "retrieval_model.score_threshold"),
        ({"external_retrieval_model": {"top_k": 1}}, "external_retrieval_model"),
        ({"attachment_ids": ["x"]}, "attachment_ids"),
    ],
)
def test_what_a_question_cannot_have_is_refused_by_name(
    api: Api, dataset: Dataset, body: dict[str, Any], field: str
) -> None:
    answer = api.post(f"datasets/{dataset.pk}/retrieve", {"query": "lamp"} | body)

    assert (answer.status_code, answer.json()["params"]) == (400, field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"permission": "partial_members"}, "permission"),
        ({"partial_member_list": [{"user_id": "1"}]}, "partial_member_list"),
        ({"provider": "external"}, "provider"),
        ({"external_knowledge_id": "x"}, "external_knowledge_id"),
        ({"summary_index_setting": {"enable": True}}, "summary_index_setting"),
    ],
)
def test_what_a_dataset_cannot_have_is_refused_by_name(
    api: Api, tenant: Any, body: dict[str, Any], field: str
) -> None:
    own = Dataset.objects.create(tenant=tenant, name="own", indexing_technique="economy")
    made = api.post("datasets", {"name": "handbook"} | body)
    changed = api.patch(f"datasets/{own.pk}", body)

    for answer in (made, changed):
        assert (answer.status_code, answer.json()["params"]) == (400, field)
    assert Dataset.objects.count() == 1


def test_deleting_a_document_deletes_its_segments(api: Api, passages: Document, path: str) -> None:
    api.post(f"{path}/segments", {"segments": [{"content": "lamp"}]})

    send(api, "delete", path)

    assert not DocumentSegment.objects.exists()

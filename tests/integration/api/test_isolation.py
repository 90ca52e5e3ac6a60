"""What belongs to another tenant does not exist, on every address of the API."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, reverse
from django.utils import timezone

from datasets.models import Dataset, Document, MetadataField, Tag, Tenant
from segments import tasks
from segments.api.urls import urlpatterns
from segments.models import DocumentSegment, ImportJob, Webhook, WebhookDelivery

from ..api_client import QA, Api, batch_import

pytestmark = pytest.mark.django_db(transaction=True)

METHODS = ("get", "post", "put", "patch", "delete")
# Addresses that name nothing: what they list is the asker's own.
WITHOUT_IDS = {
    "schema",
    "docs",
    "mcp",
    "upload",
    "datasets",
    "imports",
    "templates",
    "tags",
    "bind_tags",
    "unbind_tags",
    "embedding_models",
    "all_built_in_fields",
    "webhooks",
}
# Whoever has the link may have the file.
WITHOUT_KEY = {"schema": 200, "docs": 200, "signed_file": 404}


def named() -> Iterator[URLPattern]:
    return (pattern for pattern in urlpatterns if pattern.name)


def ids_in(pattern: URLPattern) -> set[str]:
    return set(pattern.pattern.converters)


def test_every_address_is_known_to_this_test() -> None:
    assert {pattern.name for pattern in named() if not ids_in(pattern)} == WITHOUT_IDS


def body(document: Document) -> dict[str, Any]:
    """One that would do something on every address, were it the asker's."""
    return {
        "query": "reset",
        "name": "other",
        "text": "other",
        "type": "string",
        "document_ids": [str(document.pk)],
        "operation_data": [{"document_id": str(document.pk), "metadata_list": []}],
        "segments": [{"content": "other", "answer": "other"}],
        "segment": {"content": "other"},
        "enabled": False,
    }


def everything() -> list[list[dict[str, Any]]]:
    """All rows that a stranger might change."""
    kinds: tuple[Any, ...] = (
        ImportJob,
        Dataset,
        Document,
        DocumentSegment,
        MetadataField,
        Tag,
        Webhook,
        WebhookDelivery,
    )
    left_out = {DocumentSegment: ("embedding",)}
    return [
        list(kind.objects.defer(*left_out.get(kind, ())).order_by("pk").values()) for kind in kinds
    ]


@pytest.mark.parametrize(
    "pattern", [pattern for pattern in named() if ids_in(pattern)], ids=lambda p: str(p.name)
)
def test_a_stranger_finds_nothing_anywhere(
    api: Api, stranger: Api, document: Document, pattern: URLPattern
) -> None:
    job_id = api.start(document)
    tasks.run_import(job_id)
    field = MetadataField.objects.create(dataset=document.dataset, name="reset", kind="string")
    hook = Webhook.objects.create(
        tenant=document.tenant,
        url="https://reset.example",
        events=["import.failed"],
        secret="x",  # noqa: S106
    )
    told = WebhookDelivery.objects.create(
        tenant=document.tenant,
        webhook=hook,
        event="import.failed",
        body="reset",
        status="failed",
        finished_at=timezone.now(),
    )
    before = everything()
    own = Dataset.objects.get(name="theirs")
    ours = {
        "webhook_id": hook.pk,
        "delivery_id": told.pk,
        "dataset_id": document.dataset_id,
        "document_id": document.pk,
        "job_id": job_id,
        "segment_id": DocumentSegment.objects.first().pk,  # type: ignore[union-attr]
        "child_chunk_id": uuid4(),
        "field_id": field.pk,
        "batch": document.batch,
        "action": "disable",
        "token": "reset",
    }
    mixed = ours | {"dataset_id": own.pk}
    nobodys = dict.fromkeys(ours, uuid4()) | {"action": "enable"}

    for ids in (ours, mixed, nobodys):
        wanted = {name: ids[name] for name in ids_in(pattern)}
        if ids is mixed and set(wanted) <= {"dataset_id", "action"}:
            continue  # that one is the stranger's
        path = reverse(f"segmill:{pattern.name}", kwargs=wanted)
        for method in METHODS:
            answer = getattr(stranger.client, method)(
                path, body(document), "application/json", headers=stranger.headers
            )
            assert answer.status_code in (404, 405), (method, path, answer.content)
            assert answer.json()["status"] == answer.status_code
            assert "reset" not in answer.content.decode()
            if answer.status_code == 404:
                assert str(document) not in answer.content.decode()

    assert everything() == before


def test_what_exists_elsewhere_is_answered_as_what_does_not(
    stranger: Api, api: Api, document: Document
) -> None:
    job_id = api.start(document)

    for path, nothing in (
        (f"datasets/{document.dataset_id}", f"datasets/{uuid4()}"),
        (f"imports/{job_id}", f"imports/{uuid4()}"),
        (f"datasets/batch_import_status/{job_id}", f"datasets/batch_import_status/{uuid4()}"),
    ):
        assert stranger.get(path).json() == stranger.get(nothing).json()


def test_lists_hold_the_askers_own(api: Api, stranger: Api, document: Document) -> None:
    job_id = api.start(document)

    assert [entry["name"] for entry in stranger.get("datasets").json()["data"]] == ["theirs"]
    assert stranger.get("imports").json()["total"] == 0
    for query in ({"dataset": document.dataset_id}, {"document": document.pk}):
        assert stranger.get("imports", query).json()["total"] == 0
    assert [entry["id"] for entry in api.get("imports").json()["data"]] == [job_id]


def _replacing(document: Document) -> dict[str, Any]:
    """A text that would replace a document."""
    return {"name": "x", "text": "x", "original_document_id": document.pk}


def test_an_idempotency_key_is_its_tenants_own(
    api: Api, stranger: Api, document: Document, tenant: Tenant
) -> None:
    theirs = Document.objects.get(name="theirs")
    key = {"Idempotency-Key": "same"}

    first = api.send(batch_import(document), {"file": QA}, key).json()
    second = stranger.send(batch_import(theirs), {"file": QA}, key).json()

    assert first["job_id"] != second["job_id"]
    assert ImportJob.objects.get(pk=second["job_id"]).document == theirs


def test_ids_in_bodies_are_the_askers_own(
    api: Api, stranger: Api, document: Document, tenant: Tenant
) -> None:
    """Documents, datasets, tags and fields of another tenant, named by who may not."""
    own = Dataset.objects.get(name="theirs")
    tag = Tag.objects.create(tenant=tenant, name="ours")
    field = MetadataField.objects.create(dataset=document.dataset, name="ours", kind="string")
    theirs = Tag.objects.create(tenant=own.tenant, name="theirs")
    before = everything()
    values = [{"id": str(field.pk), "name": "ours", "value": "x"}]
    document_values = {"document_id": str(document.pk), "metadata_list": []}
    own_values = {"document_id": str(own.documents.get().pk), "metadata_list": values}

    posts: list[tuple[str, Any]] = [
        (f"datasets/{own.pk}/document/create-by-text", _replacing(document)),
        ("datasets/tags/binding", {"tag_ids": [tag.pk], "target_id": own.pk}),
        ("datasets/tags/binding", {"tag_ids": [theirs.pk, tag.pk], "target_id": own.pk}),
        ("datasets/tags/binding", {"tag_ids": [theirs.pk], "target_id": document.dataset_id}),
        ("datasets/tags/unbinding", {"tag_id": tag.pk, "target_id": own.pk}),
        ("datasets/tags/unbinding", {"tag_id": theirs.pk, "target_id": document.dataset_id}),
        (f"datasets/{own.pk}/documents/metadata", {"operation_data": [document_values]}),
        (f"datasets/{own.pk}/documents/metadata", {"operation_data": [own_values]}),
    ]
    others: list[tuple[str, str, Any]] = [
        ("patch", "datasets/tags", {"tag_id": tag.pk, "name": "x"}),
        ("delete", "datasets/tags", {"tag_id": tag.pk}),
        (
            "patch",
            f"datasets/{own.pk}/documents/status/disable",
            {"document_ids": [own.documents.get().pk, document.pk]},
        ),
    ]

    for path, wanted in posts:
        assert stranger.post(path, wanted).status_code in (400, 404), path
    for method, path, wanted in others:
        answer = getattr(stranger.client, method)(
            f"/v1/{path}", wanted, "application/json", headers=stranger.headers
        )
        assert answer.status_code in (400, 404), path
    assert stranger.get("datasets", {"tag_ids": [tag.pk]}).json()["total"] == 0
    assert everything() == before


def test_an_uploaded_file_is_its_tenants_own(
    api: Api, stranger: Api, document: Document, tenant: Tenant
) -> None:
    """Dify once looked for the file without asking whose it was."""
    theirs = Document.objects.get(name="theirs")
    uploaded = api.send("files/upload", {"file": QA}).json()

    answer = stranger.post(batch_import(theirs), {"upload_file_id": uploaded["id"]})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert not ImportJob.objects.exists()


def test_a_document_is_found_in_its_own_dataset_only(api: Api, document: Document) -> None:
    other = Dataset.objects.create(
        tenant=document.tenant, name="other", indexing_technique="economy"
    )
    path = f"datasets/{other.pk}/documents/{document.pk}/segments/batch_import"

    answer = api.send(path, {"file": QA})

    assert (answer.status_code, answer.json()["message"]) == (404, "Document not found.")


@pytest.mark.parametrize("pattern", list(named()), ids=lambda pattern: str(pattern.name))
def test_without_a_key_there_is_only_the_description(pattern: URLPattern) -> None:
    api = Api()
    path = reverse(f"segmill:{pattern.name}", kwargs=dict.fromkeys(ids_in(pattern), uuid4()))
    allowed = WITHOUT_KEY.get(str(pattern.name), 401)

    file: Any = SimpleUploadedFile("rows.csv", QA)
    for answer in (api.client.get(path), api.client.post(path, {"file": file})):
        assert answer.status_code in (allowed, 405)


@pytest.mark.parametrize(
    "path", ["", "nothing", "datasets/", "datasets/1", "imports/abc/cancel", "datasets/x/retrieve"]
)
def test_an_address_that_is_none_answers_in_the_same_shape(api: Api, path: str) -> None:
    for answer in (api.get(path), api.post(path), Api().get(path)):
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"

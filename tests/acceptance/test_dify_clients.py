"""Clients of Dify, unchanged, against a running server: every public method."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from dify_dataset_sdk import DifyDatasetClient
from dify_dataset_sdk._exceptions import (
    DifyConflictError,
    DifyNotFoundError,
    DifyValidationError,
)

from .site import Site, own_home

WAIT_SECONDS = 30


@pytest.fixture(scope="module")
def client() -> Iterator[DifyDatasetClient]:
    """A client of a server that has just been started, with a key of its own tenant."""
    with own_home() as home, Site(home) as site:
        key = site.manage("create_api_key", "--tenant", "clients", "--create-tenant").split()[-1]
        with DifyDatasetClient(key, site.address) as ready:
            yield ready


@pytest.fixture
def dataset(client: DifyDatasetClient) -> Iterator[Any]:
    made = client.datasets.create(name=f"dataset {monotonic()}")
    yield made
    client.datasets.delete(made.id)


@pytest.fixture
def document(client: DifyDatasetClient, dataset: Any) -> Any:
    made = client.documents.create_by_text(dataset.id, "manual", "The lamp is green.")
    wait_for(client, dataset.id, made.batch)
    return made.document


def wait_for(client: DifyDatasetClient, dataset_id: str, batch: str) -> Any:
    """The status of a batch once it is completed."""
    deadline = monotonic() + WAIT_SECONDS
    while True:
        (status,) = client.documents.get_indexing_status(dataset_id, batch).data
        if status.indexing_status == "completed":
            return status
        assert status.indexing_status != "error", status.error
        assert monotonic() < deadline, status
        sleep(0.1)


def test_datasets(client: DifyDatasetClient, dataset: Any) -> None:
    changed = client.datasets.update(dataset.id, name=f"changed {monotonic()}", description="why")

    assert client.datasets.get(dataset.id).name == changed.name
    assert changed.description == "why"
    with pytest.raises(DifyConflictError):
        client.datasets.create(name=changed.name)
    listed = client.datasets.list(keyword="CHANGED", include_all=True)
    assert dataset.id in {entry["id"] for entry in listed.data}
    gone = client.datasets.create(name=f"gone {monotonic()}")
    client.datasets.delete(gone.id)
    with pytest.raises(DifyNotFoundError):
        client.datasets.get(gone.id)
    with pytest.raises(DifyValidationError):
        client.datasets.create(name="shared", permission="partial_members")


def test_documents(client: DifyDatasetClient, dataset: Any, tmp_path: Path) -> None:
    file = tmp_path / "notes.md"
    file.write_text("# Lamp\n\nIt is reset with the button.\n")

    by_text = client.documents.create_by_text(dataset.id, "manual", "The lamp is green.")
    by_file = client.documents.create_by_file(dataset.id, file)

    for made in (by_text, by_file):
        status = wait_for(client, dataset.id, made.batch)
        assert status.completed_segments == status.total_segments == 1
    listed = client.documents.list(dataset.id, keyword="notes")
    assert [entry["id"] for entry in listed.data] == [by_file.document.id]
    again = client.documents.update_by_text(dataset.id, by_text.document.id, "manual", "It is red.")
    wait_for(client, dataset.id, again.batch)
    (segment,) = client.segments.list(dataset.id, by_text.document.id).data
    assert segment.content == "It is red."
    file.write_text("It is blue.")
    again = client.documents.update_by_file(dataset.id, by_text.document.id, file)
    wait_for(client, dataset.id, again.batch)
    assert client.documents.get(dataset.id, by_text.document.id).indexing_status == "completed"
    assert client.documents.get_upload_file(dataset.id, by_text.document.id)["url"]
    switches: list[tuple[Any, str, bool]] = [
        ("disable", "enabled", False),
        ("enable", "enabled", True),
        ("archive", "archived", True),
        ("un_archive", "archived", False),
    ]
    for action, name, value in switches:
        done = client.documents.batch_update_status(dataset.id, action, [by_text.document.id])
        assert done == {"result": "success"}
        assert getattr(client.documents.get(dataset.id, by_text.document.id), name) is value
    assert client.documents.delete(dataset.id, by_text.document.id) == {"result": "success"}
    with pytest.raises(DifyNotFoundError):
        client.documents.get(dataset.id, by_text.document.id)


def test_segments(client: DifyDatasetClient, dataset: Any, document: Any) -> None:
    place = (dataset.id, document.id)
    wanted: list[dict[str, Any]] = [
        {"content": "A button.", "keywords": ["button"]},
        {"content": "A lamp."},
    ]

    added = client.segments.create(*place, wanted)

    assert [segment.content for segment in added.data] == ["A button.", "A lamp."]
    listed = client.segments.list(*place, keyword="button", status="completed")
    assert [segment.id for segment in listed.data] == [added.data[0].id]
    changed = client.segments.update(*place, added.data[0].id, {"content": "Two buttons."})
    assert changed["data"]["content"] == "Two buttons."
    assert client.segments.get(*place, added.data[0].id)["data"] == changed["data"]
    assert client.segments.delete(*place, added.data[0].id) == {"result": "success"}
    with pytest.raises(DifyNotFoundError):
        client.segments.get(*place, added.data[0].id)
    (record, *_) = client.datasets.retrieve(dataset.id, "A lamp.").records
    assert record.segment.content == "A lamp."


def test_metadata(client: DifyDatasetClient, dataset: Any, document: Any) -> None:
    field = client.metadata.create(dataset.id, "string", "author")
    field = client.metadata.update(dataset.id, field.id, "writer")
    value = {"id": field.id, "name": "writer", "value": "Ada"}

    client.metadata.update_document_metadata(
        dataset.id, [{"document_id": document.id, "metadata_list": [value]}]
    )
    client.metadata.toggle_built_in(dataset.id, "enable")

    listed = client.metadata.list(dataset.id)
    assert listed.built_in_field_enabled
    assert [(entry.name, entry.use_count) for entry in listed.doc_metadata] == [("writer", 1)]
    client.metadata.toggle_built_in(dataset.id, "disable")
    client.metadata.delete(dataset.id, field.id)
    assert client.metadata.list(dataset.id).doc_metadata == []


def test_tags(client: DifyDatasetClient, dataset: Any) -> None:
    tag = client.tags.create(f"tag {monotonic()}")

    client.tags.bind_to_dataset(dataset.id, [tag.id])

    (counted,) = [entry for entry in client.tags.list() if entry.id == tag.id]
    assert counted.binding_count == 1
    bound: Any = client.tags.get_dataset_tags(dataset.id)
    assert [entry.id for entry in bound] == [tag.id]
    assert client.datasets.list(tag_ids=[tag.id]).total == 1
    assert client.tags.update(tag.id, f"new {tag.name}").name == f"new {tag.name}"
    client.tags.unbind_from_dataset(dataset.id, tag.id)
    left: Any = client.tags.get_dataset_tags(dataset.id, return_detail=True)
    assert left.total == 0
    client.tags.delete(tag.id)
    assert tag.id not in {entry.id for entry in client.tags.list()}


def test_models(client: DifyDatasetClient) -> None:
    providers = client.models.list_embedding_models().data
    names = {model["model"] for provider in providers for model in provider["models"]}
    assert "l2_supercat_256" in names

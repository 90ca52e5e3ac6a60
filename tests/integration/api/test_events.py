"""Progress as Server-Sent Events: from the first state to the last, and no longer than the key."""

import json
from collections.abc import Iterator
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections

from datasets.models import Document
from segments import tasks
from segments.api import events
from segments.models import ApiKey
from segments.services.api_keys import revoke_api_key

from ..api_client import Api

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.02)


def read(answer: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of a stream, by name, each with its data."""
    assert answer["Content-Type"] == "text/event-stream"
    for portion in answer:
        for event in portion.decode().split("\n\n"):
            if event and not event.startswith(":"):
                name, data = event.split("\n")
                yield name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def run_aside(job_id: str) -> Thread:
    """A worker beside the stream."""

    def work() -> None:
        try:
            tasks.run_import(job_id)
        finally:
            connections.close_all()

    worker = Thread(target=work)
    worker.start()
    return worker


def test_a_stream_goes_with_an_import_to_its_end(api: Api, document: Document) -> None:
    job_id = api.start(document)
    answer = api.get(f"imports/{job_id}/events")
    came = read(answer)

    assert next(came)[1]["job_status"] == "waiting"
    worker = run_aside(job_id)
    rest = list(came)
    worker.join()
    answer.close()

    assert {name for name, _ in rest} == {"progress"}
    assert rest[-1][1]["job_status"] == "completed"
    status = api.get(f"datasets/batch_import_status/{job_id}").json()
    assert rest[-1][1]["rows_total"] == status["rows_total"]
    assert not events._open_streams[document.tenant_id]


def test_of_an_ended_import_there_is_one_event(api: Api, document: Document) -> None:
    job_id = api.start(document)
    tasks.run_import(job_id)

    (only,) = read(api.get(f"imports/{job_id}/events"))
    assert only[1]["job_status"] == "completed"


def test_a_revoked_keys_stream_ends(api: Api, document: Document) -> None:
    came = read(api.get(f"imports/{api.start(document)}/events"))
    next(came)

    revoke_api_key(ApiKey.objects.get())

    assert [name for name, _ in came] == ["end"]


def test_indexing_is_told_too(api: Api, document: Document) -> None:
    path = f"datasets/{document.dataset_id}/documents/{document.batch}/indexing-events"
    (only,) = read(api.get(path))

    assert only[1]["data"][0]["indexing_status"] == "completed"
    assert api.get(path.replace(document.batch, "1")).status_code == 404
    assert api.get(f"imports/{uuid4()}/events").status_code == 404


def test_a_tenant_has_so_many_streams(
    api: Api, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_STREAMS", 1)
    path = f"imports/{api.start(document)}/events"
    first = api.get(path)

    refused = api.get(path)
    assert (refused.status_code, refused["Retry-After"]) == (429, "10")
    first.close()
    assert api.get(path).status_code == 200

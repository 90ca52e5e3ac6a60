"""Rows in bulk without a file: JSON objects, one a line, into the one import."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from datasets.models import Document
from segments import tasks
from segments.models import DocumentSegment, ImportJob

from ..api_client import Api

pytestmark = pytest.mark.django_db(transaction=True)


def send(api: Api, document: Document, rows: list[Any], query: str = "", **headers: str) -> Any:
    path = f"/v1/datasets/{document.dataset_id}/documents/{document.pk}/segments/bulk{query}"
    body = "".join(json.dumps(row) + "\n" for row in rows)
    return api.client.post(path, body, "application/x-ndjson", headers=api.headers | headers)


def test_rows_are_added_and_then_changed_by_their_ids(
    api: Api, passages: Document, contents: Callable[[Document], list[str]]
) -> None:
    first = send(
        api,
        passages,
        [{"content": "a", "external_id": "1"}, {"content": "b", "external_id": "2"}],
    ).json()
    tasks.run_import(first["job_id"])
    kept = DocumentSegment.objects.get(external_id="1").pk

    second = send(
        api,
        passages,
        [{"content": "A", "external_id": "1", "metadata": {"page": 1}}, {"content": "c"}],
    ).json()
    tasks.run_import(second["job_id"])

    assert contents(passages) == ["A", "b", "c"]
    changed = DocumentSegment.objects.get(external_id="1")
    assert (changed.pk, changed.metadata) == (kept, {"page": 1})
    report = api.get(f"imports/{second['job_id']}").json()
    assert (report["mode"], report["rows_updated"], report["rows_created"]) == ("upsert", 1, 1)


def test_the_imports_modes_and_its_report_of_bad_rows(api: Api, passages: Document) -> None:
    rows = [{"content": "a", "external_id": "1"}, {"content": " "}, {"content": 7}]

    job = send(api, passages, rows, "?mode=append&on_error=skip").json()
    tasks.run_import(job["job_id"])

    status = api.get(f"datasets/batch_import_status/{job['job_id']}").json()
    assert (status["job_status"], status["rows_failed"]) == ("completed", 1)
    errors = api.get(f"imports/{job['job_id']}/errors").json()["data"]
    assert [error["line"] for error in errors] == [2]


def test_a_repeated_request_is_the_first(api: Api, passages: Document) -> None:
    first, again = (
        send(api, passages, [{"content": "a"}], **{"Idempotency-Key": "one"}) for _ in range(2)
    )

    assert first.json()["job_id"] == again.json()["job_id"]
    other = send(api, passages, [{"content": "b"}], **{"Idempotency-Key": "one"})
    assert other.status_code == 422
    assert ImportJob.objects.count() == 1


@pytest.mark.parametrize("query", ["?mode=nonsense", "?colour=red"])
def test_an_option_that_is_none(api: Api, passages: Document, query: str) -> None:
    answer = send(api, passages, [{"content": "a"}], query)

    assert (answer.status_code, answer.json()["code"]) == (400, "option_refused")
    assert not ImportJob.objects.exists()


def test_a_body_of_another_kind(api: Api, passages: Document) -> None:
    path = f"/v1/datasets/{passages.dataset_id}/documents/{passages.pk}/segments/bulk"

    answer = api.client.post(path, "a", "text/plain", headers=api.headers)

    assert answer.status_code == 415

"""/v1/imports: the history, and what can be done with an import."""

from typing import Any
from uuid import uuid4

import pytest

from datasets.models import Dataset, Document
from segments import tasks
from segments.models import DocumentSegment, ImportJob

from ..api_client import Api
from ..conftest import MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)

BAD = b"question,answer\nHow?,\n=1+1,\nGood?,Yes.\n"


def numbered(number: int) -> bytes:
    return f"question,answer\nQuestion {number}?,Yes.\n".encode()


def test_an_import_is_shown_whole(api: Api, document: Document) -> None:
    job_id = api.start(document)
    tasks.run_import(job_id)

    shown = api.get(f"imports/{job_id}").json()

    job = ImportJob.objects.get(pk=job_id)
    expected: dict[str, Any] = {
        "id": job_id,
        "job_id": job_id,
        "job_status": "completed",
        "status": "completed",
        "dataset_id": str(document.dataset_id),
        "document_id": str(document.pk),
        "file": {"name": "rows.csv", "size": job.file_bytes, "sha256": job.file_sha256},
        "mode": "append",
        "on_error": "abort",
        "rows_total": 2,
        "rows_created": 2,
        "rows_updated": 0,
        "rows_skipped": 0,
        "rows_deleted": 0,
        "created_by": None,
        "retry_of": None,
        "undone_at": None,
    }
    assert {name: shown[name] for name in expected} == expected


def test_imports_are_listed_newest_first_and_found_by_state_and_place(
    api: Api, document: Document, economy: Dataset, make_document: MakeDocument
) -> None:
    archive = make_document(economy, "archive")
    started = [api.start(document, numbered(n)) for n in range(3)]
    started.append(api.start(archive))
    failed = api.start(archive, BAD)
    for job_id in (started[0], failed):
        tasks.run_import(job_id)

    def ids(**query: Any) -> list[str]:
        return [entry["id"] for entry in api.get("imports", query).json()["data"]]

    assert ids() == [failed, *reversed(started)]
    assert ids(limit=2) == [failed, started[3]]
    assert ids(limit=2, page=3) == [started[0]]
    assert ids(status="completed") == [started[0]]
    assert ids(status=["completed", "failed"]) == [failed, started[0]]
    assert ids(dataset=economy.pk) == ids(document=archive.pk) == [failed, started[3]]
    assert ids(dataset=economy.pk, document=document.pk) == []
    assert ids(dataset=uuid4()) == []


@pytest.mark.parametrize(
    ("name", "value"), [("status", "done"), ("dataset", "handbook"), ("document", "1")]
)
def test_a_filter_that_cannot_be_is_refused(api: Api, name: str, value: str) -> None:
    answer = api.get("imports", {name: value})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param")
    assert name in answer.json()["params"]


def test_a_waiting_import_is_cancelled_once(api: Api, document: Document) -> None:
    job_id = api.start(document)

    cancelled = api.post(f"imports/{job_id}/cancel")
    again = api.post(f"imports/{job_id}/cancel")
    tasks.run_import(job_id)

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (again.status_code, again.json()["code"]) == (409, "state_conflict")
    assert not DocumentSegment.objects.exists()
    status = api.get(f"datasets/batch_import_status/{job_id}").json()
    assert status["job_status"] == "error"


def test_a_failed_import_is_retried_as_a_new_one(api: Api, document: Document) -> None:
    job_id = api.start(document)
    Document.objects.filter(pk=document.pk).update(enabled=False)
    tasks.run_import(job_id)
    assert api.get(f"imports/{job_id}").json()["status"] == "failed"
    Document.objects.filter(pk=document.pk).update(enabled=True)

    retried = api.post(f"imports/{job_id}/retry").json()

    assert retried["id"] != job_id
    assert (retried["retry_of"], retried["status"]) == (job_id, "waiting")
    tasks.run_import(retried["id"])
    assert api.get(f"imports/{retried['id']}").json()["status"] == "completed"
    assert api.post(f"imports/{retried['id']}/retry").status_code == 409


def test_a_completed_import_is_undone_once(api: Api, document: Document) -> None:
    job_id = api.start(document)
    assert api.post(f"imports/{job_id}/undo").status_code == 409
    tasks.run_import(job_id)

    undone = api.post(f"imports/{job_id}/undo")

    assert undone.status_code == 200
    assert isinstance(undone.json()["undone_at"], int)
    assert not DocumentSegment.objects.exists()
    assert api.post(f"imports/{job_id}/undo").status_code == 409


def test_bad_rows_are_listed_by_pages(api: Api, document: Document) -> None:
    job_id = api.start(document, BAD)
    tasks.run_import(job_id)

    page = api.get(f"imports/{job_id}/errors", {"limit": 1}).json()

    assert [page[name] for name in ("total", "has_more", "limit", "page")] == [2, True, 1, 1]
    error = page["data"][0]
    assert (error["line"], error["column"], error["code"]) == (2, "answer", "blank_cell")
    assert set(error) == {"line", "column", "value", "code", "reason", "remedy"}
    assert error["remedy"]


def test_an_error_is_json_even_where_a_file_was_wanted(api: Api) -> None:
    answer = api.get(f"imports/{uuid4()}/bad_rows", Accept="text/csv")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

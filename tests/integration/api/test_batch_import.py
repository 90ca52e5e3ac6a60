"""Starting an import by HTTP, and watching it."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT
from pytest_django import Settings

from datasets.models import Dataset, Document
from segments import tasks
from segments.api.parsers import MAX_BODY_BYTES
from segments.models import ImportJob, UploadFile

from ..api_client import QA, Api, batch_import
from ..conftest import MakeDocument
from ..storage import stored_files

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = b"question,answer\nIs it blue?,No.\n"


def upload(api: Api, content: bytes = QA) -> Any:
    return api.send("files/upload", {"file": content, "source": "datasets"})


def test_a_file_in_a_form_is_imported(api: Api, document: Document) -> None:
    answer = api.send(batch_import(document), {"file": QA})

    assert answer.status_code == 200
    started = answer.json()
    assert started["job_status"] == started["status"] == started["phase"] == "waiting"
    job = ImportJob.objects.get(pk=started["job_id"])
    assert (job.document, job.tenant, job.source) == (document, document.tenant, "api")
    assert job.file_name == "rows.csv"


def test_an_uploaded_file_is_imported_as_often_as_it_is_named(
    api: Api, document: Document, dataset: Dataset, make_document: MakeDocument
) -> None:
    answer = upload(api)
    assert answer.status_code == 201
    uploaded = answer.json()
    assert (uploaded["name"], uploaded["size"]) == ("rows.csv", len(QA))
    assert (uploaded["extension"], uploaded["mime_type"]) == ("csv", "text/csv")

    for place in (document, make_document(dataset, "another")):
        started = api.post(batch_import(place), {"upload_file_id": uploaded["id"]}).json()
        assert started["job_status"] == "waiting"
        tasks.run_import(started["job_id"])
        place.refresh_from_db()
        assert place.segment_count == 2


def test_a_form_may_name_an_uploaded_file_too(api: Api, document: Document) -> None:
    uploaded = upload(api).json()

    answer = api.send(batch_import(document), {"upload_file_id": uploaded["id"], "mode": "append"})

    assert answer.status_code == 200, answer.json()


def test_options_are_form_fields(api: Api, document: Document) -> None:
    job_id = api.start(
        document,
        b"Frage;Antwort;Extra\nWo?;Da.;x\n",
        on_error="skip",
        map=["question=Frage", "answer=Antwort"],
        delimiter="semicolon",
        unknown="metadata",
    )

    job = ImportJob.objects.get(pk=job_id)
    assert job.on_error == "skip"
    assert job.options["map"] == {"question": "Frage", "answer": "Antwort"}
    tasks.run_import(job_id)
    job.refresh_from_db()
    assert (job.status, job.rows_created) == ("completed", 1), job.error


def test_options_are_fields_of_the_object_too(api: Api, document: Document) -> None:
    uploaded = upload(api).json()

    answer = api.post(
        batch_import(document),
        {"upload_file_id": uploaded["id"], "map": {"question": "question 😀"}, "no_header": False},
    )

    assert answer.status_code == 200, answer.json()
    job = ImportJob.objects.get(pk=answer.json()["job_id"])
    assert job.options["map"] == {"question": "question 😀"}


@pytest.mark.parametrize(
    ("field", "value", "code", "params"),
    [
        ("on_eror", "skip", "option_refused", "on_eror"),
        ("on_error", "ignore", "option_refused", "on_error"),
        ("mode", "overwrite", "option_refused", "mode"),
        ("delimiter", "ab", "option_refused", "delimiter"),
        ("sheet", "a\0b", "invalid_param", None),
        ("upload_file_id", "first", "invalid_param", "upload_file_id"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_and_nothing_kept(
    api: Api, document: Document, field: str, value: str, code: str, params: str | None
) -> None:
    before = stored_files()

    answer = api.send(batch_import(document), {"file": QA, field: value})

    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.json()
    assert answer.json().get("params") == params
    assert not ImportJob.objects.exists()
    assert stored_files() == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "no_file_uploaded"),
        ({"upload_file_id": None}, 400, "no_file_uploaded"),
        ({"upload_file_id": "5"}, 400, "invalid_param"),
        ({"upload_file_id": {"a": 1}}, 400, "invalid_param"),
        ({"upload_file_id": "6f1c0d2e-0000-4000-8000-000000000000"}, 404, "not_found"),
        ({"upload_file_id": "5", "sheet": "\ud800"}, 400, "invalid_param"),
        ([1], 400, "invalid_param"),
        ("text", 400, "invalid_param"),
    ],
)
def test_an_object_without_a_file_is_refused(
    api: Api, document: Document, body: Any, status: int, code: str
) -> None:
    answer = api.post(batch_import(document), body)

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.json()


@pytest.mark.parametrize("body", [b"", b"{", b"nul", b"\xff", b"[" * 100_000, b'{"a": NaN}'])
def test_a_body_that_is_no_json_is_refused(api: Api, document: Document, body: bytes) -> None:
    answer = api.client.post(
        f"/v1/{batch_import(document)}", body, "application/json", headers=api.headers
    )

    assert answer.status_code == 400
    if body:
        message = "Invalid JSON payload received or JSON payload is empty."
        assert answer.json()["message"] == message


def test_a_body_of_another_kind_is_refused(api: Api, document: Document) -> None:
    answer = api.client.post(f"/v1/{batch_import(document)}", QA, "text/csv", headers=api.headers)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_form_has_one_file(api: Api, document: Document) -> None:
    path = batch_import(document)

    assert api.send(path, {"mode": "append"}).json()["code"] == "no_file_uploaded"
    assert api.send(path, {"data": QA}).json()["code"] == "no_file_uploaded"
    assert api.send(path, {"file": QA, "more": QA}).json()["code"] == "too_many_files"
    assert api.send("files/upload", {}).json()["message"] == "Please upload your file."
    assert api.send("files/upload", {"file": QA, "b": QA}).json()["code"] == "too_many_files"


@pytest.mark.parametrize("path", ["files/upload", None])
def test_a_file_that_is_too_large_is_cut_off(
    api: Api, document: Document, settings: Settings, path: str | None
) -> None:
    settings.SEGMILL_MAX_FILE_BYTES = 100_000
    before, incoming = stored_files(), set(settings.FILE_UPLOAD_TEMP_DIR.iterdir())

    for size in (100_001, 900_000, 3_000_000):  # the last one is refused by its length alone
        answer = api.send(path or batch_import(document), {"file": b"x" * size})
        assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
        assert "SEGMILL_MAX_FILE_BYTES" in answer.json()["message"]

    assert not ImportJob.objects.exists()
    assert not UploadFile.objects.exists()
    assert stored_files() == before
    assert set(settings.FILE_UPLOAD_TEMP_DIR.iterdir()) == incoming
    assert api.send(path or batch_import(document), {"file": b"x" * 100_000}).status_code < 300


def test_a_length_that_lies_lets_no_more_through(
    api: Api, document: Document, settings: Settings
) -> None:
    settings.SEGMILL_MAX_FILE_BYTES = 100_000
    body = (
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=file; filename=a.csv\r\n"
        f"Content-Length: 5\r\n\r\n{'x' * 200_000}\r\n--{BOUNDARY}--\r\n"
    )

    answer = api.client.generic(
        "POST", f"/v1/{batch_import(document)}", body, MULTIPART_CONTENT, headers=api.headers
    )

    assert answer.status_code == 413


def test_a_file_waits_on_disk_not_in_memory(api: Api, settings: Settings) -> None:
    """The handler for small files in memory is not there to be chosen."""
    assert settings.FILE_UPLOAD_HANDLERS == ["segments.uploads.LimitedUploadHandler"]
    assert settings.FILE_UPLOAD_TEMP_DIR.is_relative_to(settings.SEGMILL_HOME)


def test_a_large_body_of_json_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segments.api.parsers.MAX_BODY_BYTES", 2_000)

    answer = api.post("datasets", {"name": "a", "description": "x" * 3_000})

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_the_limit_of_a_body_is_the_one_that_holds(api: Api) -> None:
    """Django's own, 2.5 MB for what it reads into memory, comes before none of it."""
    just_right = "x" * (MAX_BODY_BYTES - 100)

    refused_for_its_text = api.post("datasets", {"name": "a", "description": just_right})
    too_large = api.post("datasets", {"name": "a", "description": just_right + "x" * 200})

    assert refused_for_its_text.json()["params"] == "description"
    assert (too_large.status_code, too_large.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b\\c.csv", "x" * 300 + ".csv", "ä 😀.csv"])
def test_a_stored_file_has_a_name_of_our_making(api: Api, document: Document, name: str) -> None:
    body = (
        (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name=file; filename="{name}"\r\n\r\n'
        ).encode()
        + QA
        + f"\r\n--{BOUNDARY}--\r\n".encode()
    )

    answer = api.client.generic(
        "POST", f"/v1/{batch_import(document)}", body, MULTIPART_CONTENT, headers=api.headers
    )

    job = ImportJob.objects.get(pk=answer.json()["job_id"])
    assert re.fullmatch(r"imports/[0-9a-f]{32}", job.file_key)
    assert "/" not in job.file_name
    assert len(job.file_name) <= 255


def test_the_same_key_is_answered_with_the_same_job(api: Api, document: Document) -> None:
    key = {"Idempotency-Key": "a-key"}
    path = batch_import(document)
    first = api.send(path, {"file": QA}, key).json()["job_id"]
    tasks.run_import(first)

    again = api.send(path, {"file": QA}, key)
    other = api.send(path, {"file": OTHER}, key)

    assert (again.status_code, again.json()["job_id"]) == (200, first)
    assert again.json()["job_status"] == "completed"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")
    bad = api.send(path, {"file": QA}, {"Idempotency-Key": "x" * 256})
    assert (bad.status_code, bad.json()["params"]) == (400, "Idempotency-Key")


def test_without_a_key_the_same_file_is_answered_with_its_unfinished_job(
    api: Api, document: Document
) -> None:
    first = api.start(document)

    assert api.start(document) == first
    assert api.start(document, OTHER) != first
    tasks.run_import(first)
    assert api.start(document) != first


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"enabled": False}, "disabled"),
        ({"archived": True}, "archived"),
        ({"indexing_status": "indexing"}, "indexing"),
    ],
)
def test_a_document_that_takes_no_segments_now_says_so(
    api: Api, document: Document, change: dict[str, Any], why: str
) -> None:
    Document.objects.filter(pk=document.pk).update(**change)

    answer = api.send(batch_import(document), {"file": QA})

    assert (answer.status_code, answer.json()["code"]) == (400, "document_not_available")
    assert why in answer.json()["message"]


def test_progress_is_beside_the_words_of_dify(api: Api, document: Document) -> None:
    job_id = api.start(document)
    tasks.run_import(job_id)

    status = api.get(f"datasets/batch_import_status/{job_id}").json()

    expected = {
        "job_id": job_id,
        "job_status": "completed",
        "status": "completed",
        "phase": "completed",
        "rows_total": 2,
        "rows_checked": 2,
        "rows_failed": 0,
        "rows_embedded": 2,
        "rows_reused": 0,
        "rows_published": 2,
        "fraction": 1.0,
        "seconds_left": None,
        "started_by": "",
        "source": "api",
        "error_code": "",
        "error": "",
    }
    assert {name: status[name] for name in expected} == expected
    assert isinstance(status["finished_at"], int)
    assert status["created_at"] <= status["started_at"] <= status["finished_at"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"question,answer\nblank,\n", "rows_refused"),
        (b"question,answer\n", "file_empty"),
        (b"one,two\n1,2\n", "header_refused"),
    ],
)
def test_a_file_that_cannot_be_imported_says_why(
    api: Api, document: Document, content: bytes, code: str
) -> None:
    job_id = api.start(document, content)
    tasks.run_import(job_id)

    status = api.get(f"datasets/batch_import_status/{job_id}").json()

    assert (status["job_status"], status["status"]) == ("error", "failed")
    assert status["error_code"] == code
    assert status["error"]


def test_a_get_may_say_that_its_empty_body_is_json(api: Api) -> None:
    """Dify's own client does so."""
    answer = Client().get(
        "/v1/datasets", headers=api.headers | {"Content-Type": "application/json"}
    )

    assert answer.status_code == 200
    assert json.loads(answer.content)["data"] == []

"""Files by HTTP: previews on the way in; exports, bad rows and templates on the way out."""

import csv
import io
import json
from typing import Any
from urllib.parse import unquote
from zipfile import ZipFile

import pytest

from datasets.models import Document
from segments import tasks
from segments.files.sheets import open_sheet
from segments.models import DocumentSegment, ImportJob

from ..api_client import QA, Api

pytestmark = pytest.mark.django_db(transaction=True)


def place(document: Document) -> str:
    """Where the document's segments are."""
    return f"datasets/{document.dataset_id}/documents/{document.pk}/segments"


def content(answer: Any) -> bytes:
    """The body of an answer that is sent as it is made."""
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def name_of(answer: Any) -> str:
    """What the answer calls its file."""
    return unquote(answer["Content-Disposition"].partition("UTF-8''")[2])


@pytest.mark.parametrize("kind", ["csv", "xlsx", "jsonl"])
def test_a_document_is_exported_and_comes_back_unchanged(
    api: Api, document: Document, kind: str
) -> None:
    tasks.run_import(api.start(document))
    before = list(DocumentSegment.objects.order_by("position").values_list("pk", "content"))

    answer = api.get(f"{place(document)}/export", {"format": kind})
    file = content(answer)

    assert name_of(answer) == f"{document.name}.{kind}"
    job_id = api.start(document, file, mode="sync")
    tasks.run_import(job_id)
    job = ImportJob.objects.get(pk=job_id)
    assert (job.status, job.rows_skipped, job.rows_embedded) == ("completed", 2, 0)
    assert list(DocumentSegment.objects.order_by("position").values_list("pk", "content")) == before


def test_a_format_that_is_none_is_refused(api: Api, document: Document) -> None:
    assert api.get(f"{place(document)}/export", {"format": "pdf"}).status_code == 400


def test_bad_rows_are_a_file_that_can_be_mended_and_sent_again(
    api: Api, document: Document
) -> None:
    job_id = api.start(document, b"question;answer\nA?;1\nB?;\n", on_error="skip")
    tasks.run_import(job_id)

    file = content(api.get(f"imports/{job_id}/bad_rows"))
    header, row = csv.reader(io.StringIO(file.decode("utf-8-sig")), delimiter=";")
    assert header == ["question", "answer", "error"]
    mended = ";".join(header) + "\n" + ";".join([row[0], "2", row[2]]) + "\n"
    again = api.start(document, mended.encode())
    tasks.run_import(again)
    assert DocumentSegment.objects.filter(document=document).count() == 2
    assert ImportJob.objects.get(pk=again).status == "completed"
    errors = api.get(f"imports/{job_id}/errors").json()["data"]
    assert errors[0]["remedy"] == "Fill the cell or remove the row."


@pytest.mark.parametrize("doc_form", ["qa_model", "text_model"])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_templates_are_there_for_each_form(api: Api, doc_form: str, kind: str) -> None:
    file = content(api.get("templates", {"doc_form": doc_form, "format": kind}))
    header = open_sheet(io.BytesIO(file), f"template.{kind}").header
    assert header[0] == ("question" if doc_form == "qa_model" else "content")


def test_a_preview_shows_the_plan_and_changes_nothing(api: Api, document: Document) -> None:
    tasks.run_import(api.start(document))
    file = "Frage;Antwort\nHow do I reset it?;Twice.\nNew?;\nNewer?;Yes – really.\n".encode(
        "cp1252"
    )
    fields = {"file": file, "map": ["content=Frage", "answer=Antwort"], "mode": "sync"}

    shown = api.send(f"{place(document)}/preview", fields).json()

    assert (shown["rows"], shown["failed"], shown["error"]) == (3, 1, "1 row is bad.")
    assert shown["file_details"]["encoding"] == "Windows-1252"
    assert shown["file_details"]["uses"] == ["content", "answer"]
    plan = shown["plan"]
    assert [plan[name] for name in ("created", "updated", "removed")] == [1, 1, 1]
    assert plan["changes"][0]["before"] == {"answer": "Hold the button."}
    assert shown["errors"][0]["line"] == 3
    assert "encoding was guessed" in json.dumps(shown["notices"])
    assert ImportJob.objects.count() == 1
    assert DocumentSegment.objects.count() == 2


def test_an_uploaded_file_can_be_previewed(api: Api, document: Document) -> None:
    uploaded = api.send("files/upload", {"file": QA}).json()
    shown = api.post(f"{place(document)}/preview", {"upload_file_id": uploaded["id"]}).json()
    assert shown["plan"]["created"] == 2


def test_an_option_that_cannot_be_used_is_named(api: Api, document: Document) -> None:
    answer = api.send(f"{place(document)}/preview", {"file": QA, "mode": "merge"})
    assert (answer.status_code, answer.json()["code"]) == (400, "option_refused")


def test_a_document_is_exported_for_people(api: Api, document: Document) -> None:
    tasks.run_import(api.start(document))

    answer = api.get(f"{place(document)}/export", {"layout": "people"})
    rows = list(csv.reader(io.StringIO(content(answer).decode("utf-8-sig"))))
    assert "for people" in name_of(answer)
    assert len(rows) == 1 + DocumentSegment.objects.count()
    assert "position" not in rows[0]

    refused = api.get(f"{place(document)}/export", {"layout": "people", "format": "jsonl"})
    assert refused.status_code == 400
    assert "csv or xlsx" in refused.json()["message"]


def test_documents_come_in_an_archive(api: Api, stranger: Api, document: Document) -> None:
    tasks.run_import(api.start(document))
    path = f"datasets/{document.dataset_id}/documents/download-zip"
    theirs = Document.objects.get(name="theirs")

    answer = api.post(path, {"document_ids": [document.pk]})

    assert name_of(answer) == "handbook.zip"
    with ZipFile(io.BytesIO(content(answer))) as archive:
        (name,) = archive.namelist()
        assert b"Hold the button." in archive.read(name)
    assert name == "001 faq.csv"
    refused = api.post(path, {"document_ids": [document.pk, theirs.pk]})
    assert refused.status_code == 404

"""Texts and files as documents by HTTP, cut into segments by the one import."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from datasets.models import Dataset, Document
from segments import tasks
from segments.models import DocumentSegment, ImportJob
from tests.documents import docx, paragraph, pdf

from ..api_client import Api

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "The lamp is green.\n\nHold the button to reset it."
CUSTOM = {"mode": "custom", "rules": {"segmentation": {"separator": "\n\n", "max_tokens": 100}}}


def run() -> None:
    """Do what workers would."""
    for job in ImportJob.objects.filter(status="waiting"):
        tasks.run_import(str(job.pk))


def create(api: Api, dataset: Dataset, **fields: Any) -> dict[str, Any]:
    path = f"datasets/{dataset.pk}/document/create-by-text"
    answer = api.post(path, {"name": "manual", "text": TEXT} | fields)
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


def status_of(api: Api, dataset: Dataset, batch: str) -> dict[str, Any]:
    (status,) = api.get(f"datasets/{dataset.pk}/documents/{batch}/indexing-status").json()["data"]
    return dict(status)


def test_a_text_becomes_segments(
    api: Api, dataset: Dataset, contents: Callable[[Document], list[str]]
) -> None:
    made = create(api, dataset, process_rule=CUSTOM, indexing_technique="high_quality")
    assert made["document"]["indexing_status"] == "waiting"
    assert made["document"]["display_status"] == "queuing"
    assert status_of(api, dataset, made["batch"])["completed_at"] is None

    run()

    status = status_of(api, dataset, made["batch"])
    assert status["indexing_status"] == "completed"
    assert status["completed_segments"] == status["total_segments"] == 2
    document = Document.objects.get(pk=made["document"]["id"])
    assert contents(document) == ["The lamp is green.", "Hold the button to reset it."]
    shown = api.get(f"datasets/{dataset.pk}/documents/{document.pk}").json()
    assert (shown["display_status"], shown["segment_count"]) == ("available", 2)


def test_another_text_keeps_what_stays(
    api: Api, dataset: Dataset, contents: Callable[[Document], list[str]]
) -> None:
    made = create(api, dataset, process_rule=CUSTOM)
    run()
    document = Document.objects.get(pk=made["document"]["id"])
    kept = DocumentSegment.objects.get(document=document, content="The lamp is green.")
    path = f"datasets/{dataset.pk}/documents/{document.pk}/update_by_text"
    text = "New: a switch.\n\nThe lamp is green."

    answer = api.post(path, {"name": "manual 2", "text": text, "process_rule": CUSTOM})

    assert answer.json()["document"]["name"] == "manual 2"
    assert answer.json()["batch"] != made["batch"]
    again = api.post(path, {"name": "manual 3", "text": text})
    assert (again.status_code, again.json()["message"]) == (400, "Document is not available")
    run()
    assert contents(document) == ["New: a switch.", "The lamp is green."]
    assert DocumentSegment.objects.get(document=document, position=2).pk == kept.pk
    assert ImportJob.objects.latest("created_at").rows_reused == 1
    nameless = api.post(path, {"text": "x"})
    assert nameless.json()["message"] == "name is required when text is provided"


def test_files_become_documents(
    api: Api, dataset: Dataset, contents: Callable[[Document], list[str]]
) -> None:
    path = f"datasets/{dataset.pk}/document/create_by_file"
    for name, content, expected in (
        ("notes.md", "# Lamp\n\nIt is green.", ["# Lamp\n\nIt is green."]),
        ("umlaut.txt", "Größe: groß".encode("cp1252"), ["Größe: groß"]),
        ("rows.csv", "content\none\ntwo\n", ["one", "two"]),
        ("a.docx", docx(paragraph("Lamp", 1) + paragraph("Red.")), ["# Lamp\n\nRed."]),
        ("a.pdf", pdf([["It is blue."]]), ["It is blue."]),
        ("a.html", "<nav><a href=/>Home</a></nav><p>It is old.</p>", ["It is old."]),
    ):
        raw = content.encode() if isinstance(content, str) else content
        data = json.dumps({"process_rule": {"mode": "automatic"}})

        answer = api.send(path, {"file": (name, raw), "data": data})

        assert answer.status_code == 200, answer.json()
        run()
        document = Document.objects.get(pk=answer.json()["document"]["id"])
        assert (document.name, contents(document)) == (name, expected)


def test_a_file_replaces_a_document(
    api: Api, dataset: Dataset, contents: Callable[[Document], list[str]]
) -> None:
    made = create(api, dataset)
    run()
    document = Document.objects.get(pk=made["document"]["id"])
    path = f"datasets/{dataset.pk}/documents/{document.pk}/update-by-file"

    answer = api.send(path, {"file": ("new.txt", b"Red."), "data": "{}"})

    assert answer.status_code == 200, answer.json()
    run()
    assert contents(document) == ["Red."]


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("manual.exe", 415, "unsupported_file_type"), ("empty.txt", 400, "file_empty")],
)
def test_files_that_become_none(
    api: Api, dataset: Dataset, name: str, status: int, code: str
) -> None:
    answer = api.send(f"datasets/{dataset.pk}/document/create-by-file", {"file": (name, b" ")})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Document.objects.exists()


OVERLAPPING = {"subchunk_segmentation": {"max_tokens": 60, "chunk_overlap": 10}}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"doc_form": "qa_model"}, "doc_form"),
        ({"indexing_technique": "economy"}, "indexing_technique"),
        ({"embedding_model": "another"}, "embedding_model"),
        (
            {"process_rule": {"mode": "hierarchical"}, "doc_form": "text_model"},
            "doc_form",
        ),
        ({"retrieval_model": {"top_k": 0}}, "retrieval_model.top_k"),
        (
            {"process_rule": {"mode": "hierarchical", "rules": OVERLAPPING}},
            "process_rule.rules.subchunk_segmentation.chunk_overlap",
        ),
    ],
)
def test_options_that_are_not_done_are_refused_by_name(
    api: Api, dataset: Dataset, change: dict[str, Any], field: str
) -> None:
    path = f"datasets/{dataset.pk}/document/create-by-text"

    answer = api.post(path, {"name": "manual", "text": TEXT} | change)

    assert (answer.status_code, answer.json()["params"]) == (400, field)
    assert not Document.objects.exists()


def test_a_failed_text_says_why(
    api: Api, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(api, dataset)
    job = ImportJob.objects.get()
    ImportJob.objects.filter(pk=job.pk).update(options={"map": {"content": "nothing"}})

    run()

    status = status_of(api, dataset, made["batch"])
    assert status["indexing_status"] == "error"
    assert "nothing" in status["error"]
    shown = api.get(f"datasets/{dataset.pk}/documents", {"status": "error"}).json()
    assert [entry["display_status"] for entry in shown["data"]] == ["error"]


def test_a_scanned_pdf_says_what_to_do(api: Api, dataset: Dataset) -> None:
    path = f"datasets/{dataset.pk}/document/create-by-file"

    made = api.send(path, {"file": ("scan.pdf", pdf([[]]))}).json()
    run()

    assert "OCR" in status_of(api, dataset, made["batch"])["error"]


def test_another_pdf_keeps_what_stays(api: Api, dataset: Dataset) -> None:
    rule = {"mode": "custom", "rules": {"segmentation": {"separator": "\n\n", "max_tokens": 100}}}
    data = json.dumps({"process_rule": rule})
    pages = [["# One", "The first page."], ["# Two", "The second page."]]
    path = f"datasets/{dataset.pk}/document/create-by-file"
    made = api.send(path, {"file": ("a.pdf", pdf(pages)), "data": data}).json()
    run()
    document = Document.objects.get(pk=made["document"]["id"])
    before = {segment.content: segment for segment in document.segments.all()}
    assert before["The second page."].metadata == {"page": 2, "heading": "Two"}
    pages[0] = ["# One", "Another page."]

    api.send(
        f"datasets/{dataset.pk}/documents/{document.pk}/update-by-file",
        {"file": ("a.pdf", pdf(pages)), "data": data},
    )
    run()

    after = {segment.content: segment.pk for segment in document.segments.all()}
    assert after["The second page."] == before["The second page."].pk
    assert "The first page." not in after
    assert ImportJob.objects.latest("created_at").rows_embedded == 1

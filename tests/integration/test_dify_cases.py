"""Dify's own cases for the batch import, held against Segmill: one test each, by its number.

Where Dify's test speaks of a mock that was called, ours looks at what is in the database.

What has no counterpart here, and why:

* 3.1 (2) and (3) speak of a task that is handed ids of nothing. Here a job belongs to its
  document by a foreign key and a message carries the job's id alone: both are refused
  (404), and the job ends with its document if that is deleted while it waits.
* 3.3 child chunks, and 3.4 "child chunk update": Segmill has passages and questions with
  answers, no hierarchical documents.
* 3.3 list, status and addition of single segments, and 3.4 "list uses full owner scope": the
  API for single segments comes with the rest of Dify's API. What changes and removes single
  segments is there as a service, and is held to Dify's cases for it.
* 3.4 "Celery argument order": a message has one argument.
"""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django_q import tasks as queue
from django_q.models import OrmQ
from pytest_django import Settings

from datasets.models import Dataset, DocForm, Document
from segments import tasks
from segments.exceptions import NoEmbeddingModel, SegmentNotFound
from segments.jobs import django_q_queue as hints
from segments.models import DocumentSegment, ImportJob
from segments.models.import_job import ImportStatus
from segments.services import segments as editing
from segments.services.segments import NewText
from segments.uploads import FOLDER

from .api_client import Api, batch_import
from .conftest import ImportText, MakeDocument
from .storage import stored_files

pytestmark = pytest.mark.django_db(transaction=True)

THREE = b"content\nThe first segment.\nThe second segment.\nThe third segment.\n"
QUESTIONS = b"question,answer\nWhat is it?,A mill.\n"


def word(job_id: str) -> str:
    """The word under the key that Dify's clients know."""
    return str(json.loads(cache.get(f"segment_batch_import_{job_id}"))["job_status"])


def positions(document: Document) -> list[int]:
    segments = DocumentSegment.objects.filter(document=document).order_by("position")
    return list(segments.values_list("position", flat=True))


def run(api: Api, document: Document, content: bytes = THREE) -> ImportJob:
    """Start an import by the API and let a worker run it."""
    job_id = api.start(document, content)
    tasks.run_import(job_id)
    return ImportJob.objects.get(pk=job_id)


def assert_nothing_happened(document: Document) -> None:
    document.refresh_from_db()
    assert not DocumentSegment.objects.filter(document=document).exists()
    assert (document.word_count, document.segment_count) == (0, 0)


# --- 3.1: the task, with real services ---------------------------------------------------------


def test_case_1_text_model_success(api: Api, passages: Document) -> None:
    job = run(api, passages)

    assert positions(passages) == [1, 2, 3]
    for segment in DocumentSegment.objects.filter(document=passages):
        assert (segment.tenant_id, segment.dataset_id) == (passages.tenant_id, passages.dataset_id)
        assert segment.status == "completed"
        assert segment.indexing_at is not None
        assert segment.completed_at is not None
        assert segment.answer is None
        assert len(segment.embedding) == 256
    passages.refresh_from_db()
    assert passages.word_count == len("The first segment.The second segment.The third segment.")
    assert word(str(job.pk)) == "completed"


def test_case_2_dataset_missing(api: Api) -> None:
    path = f"datasets/{uuid4()}/documents/{uuid4()}/segments/batch_import"

    answer = api.send(path, {"file": THREE})

    assert (answer.status_code, answer.json()["message"]) == (404, "Dataset not found.")
    assert not DocumentSegment.objects.exists()
    assert not Document.objects.exists()


def test_case_2_dataset_deleted_while_its_import_waits(api: Api, passages: Document) -> None:
    job_id = api.start(passages, THREE)
    passages.dataset.delete()

    tasks.run_import(job_id)

    assert not DocumentSegment.objects.exists()
    assert not Document.objects.exists()
    assert api.get(f"datasets/batch_import_status/{job_id}").status_code == 404


def test_case_3_document_missing(api: Api, dataset: Dataset) -> None:
    before = Dataset.objects.values().get()
    path = f"datasets/{dataset.pk}/documents/{uuid4()}/segments/batch_import"

    answer = api.send(path, {"file": THREE})

    assert (answer.status_code, answer.json()["message"]) == (404, "Document not found.")
    assert not DocumentSegment.objects.exists()
    assert Dataset.objects.values().get() == before


@pytest.mark.parametrize(
    "change",
    [{"enabled": False}, {"archived": True}, {"indexing_status": "indexing"}],
    ids=["disabled", "archived", "indexing"],
)
def test_case_4_document_not_available(
    api: Api, passages: Document, change: dict[str, Any]
) -> None:
    """Refused at once; and if it happens while the import waits, the import fails."""
    job_id = api.start(passages, THREE)
    Document.objects.filter(pk=passages.pk).update(**change)
    assert api.send(batch_import(passages), {"file": QUESTIONS}).status_code == 400

    tasks.run_import(job_id)

    assert word(job_id) == "error"
    assert_nothing_happened(passages)


def test_case_5_upload_file_missing(
    api: Api, passages: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lost from the storage between the upload and the worker."""
    monkeypatch.setattr("segments.jobs.leases.MAX_ATTEMPTS", 1)
    job_id = api.start(passages, THREE)
    default_storage.delete(ImportJob.objects.get(pk=job_id).file_key)

    tasks.run_import(job_id)

    assert word(job_id) == "error"
    assert_nothing_happened(passages)


def test_case_6_header_only(api: Api, passages: Document) -> None:
    job = run(api, passages, b"content\n")

    assert word(str(job.pk)) == "error"
    assert job.error_code == "file_empty"
    assert_nothing_happened(passages)


def test_case_7_existing_segments(api: Api, passages: Document) -> None:
    run(api, passages)
    before = set(DocumentSegment.objects.values_list("pk", flat=True))

    job = run(api, passages, THREE.replace(b"The", b"Another"))

    assert positions(passages) == [1, 2, 3, 4, 5, 6]
    new = DocumentSegment.objects.exclude(pk__in=before).order_by("position")
    assert [segment.position for segment in new] == [4, 5, 6]
    for segment in new:
        assert segment.status == "completed"
        assert segment.indexing_at is not None
        assert segment.completed_at is not None
    assert word(str(job.pk)) == "completed"


def test_case_8_one_column_for_questions_and_answers(api: Api, document: Document) -> None:
    job = run(api, document, b"question\nWhat is it?\n")

    assert word(str(job.pk)) == "error"
    assert job.error_code == "header_refused"
    assert_nothing_happened(document)


# --- 3.2: the task, by units -------------------------------------------------------------------


def test_case_9_the_last_position_is_asked_for_once(api: Api, passages: Document) -> None:
    run(api, passages)
    job_id = api.start(passages, THREE.replace(b"The", b"Another"))

    with CaptureQueriesContext(connection) as captured:
        tasks.run_import(job_id)

    asked = [query for query in captured if 'MAX("segments_documentsegment"."posi' in query["sql"]]
    assert len(asked) == 1


@pytest.mark.parametrize("last", [5, 7])
def test_case_9_and_10_positions_follow_the_last_one(
    api: Api, passages: Document, last: int
) -> None:
    DocumentSegment.objects.create(
        tenant_id=passages.tenant_id,
        dataset_id=passages.dataset_id,
        document=passages,
        position=last,
        content="Already here.",
        word_count=13,
        tokens=3,
        index_node_hash=sha256(b"Already here.").hexdigest(),
        status="completed",
        completed_at=Now(),
    )

    run(api, passages)

    assert positions(passages) == [last, last + 1, last + 2, last + 3]


@pytest.mark.parametrize("form", list(DocForm))
def test_case_11_cells_stay_text(
    api: Api, dataset: Dataset, make_document: MakeDocument, form: DocForm
) -> None:
    document = make_document(dataset, "cells", form)
    cells = ["00123", "12345", "NA"]
    header, line = ("question,answer", "{0},{0}") if form == DocForm.QA else ("content", "{0}")
    content = "\n".join([header, *(line.format(cell) for cell in cells)])

    run(api, document, content.encode())

    segments = DocumentSegment.objects.filter(document=document).order_by("position")
    assert [segment.content for segment in segments] == cells
    if form == DocForm.QA:
        assert [segment.answer for segment in segments] == cells


# --- 3.3: the controller -----------------------------------------------------------------------


def test_batch_import_success(api: Api, passages: Document) -> None:
    uploaded = api.send("files/upload", {"file": THREE, "source": "datasets"}).json()

    answer = api.post(batch_import(passages), {"upload_file_id": uploaded["id"]})

    assert answer.status_code == 200
    assert answer.json()["job_status"] == "waiting"
    assert ImportJob.objects.get().pk.hex == answer.json()["job_id"].replace("-", "")


@pytest.mark.parametrize("missing", ["dataset", "document"])
@pytest.mark.parametrize("by", ["form", "upload"])
def test_batch_import_into_nothing(api: Api, passages: Document, missing: str, by: str) -> None:
    uploaded = api.send("files/upload", {"file": THREE}).json()
    dataset = uuid4() if missing == "dataset" else passages.dataset_id
    document = uuid4() if missing == "document" else passages.pk
    path = f"datasets/{dataset}/documents/{document}/segments/batch_import"

    if by == "form":
        answer = api.send(path, {"file": THREE})
    else:
        answer = api.post(path, {"upload_file_id": uploaded["id"]})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize("lost", ["never there", "removed since"])
def test_batch_import_of_an_upload_that_is_missing(api: Api, passages: Document, lost: str) -> None:
    uploaded = api.send("files/upload", {"file": THREE}).json()["id"]
    if lost == "removed since":
        for name in stored_files():
            default_storage.delete(f"{FOLDER}/{name}")

    answer = api.post(
        batch_import(passages),
        {"upload_file_id": uploaded if lost == "removed since" else str(uuid4())},
    )

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize(
    ("content", "status"), [(THREE, "completed"), (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "failed")]
)
def test_batch_import_of_a_txt(api: Api, passages: Document, content: bytes, status: str) -> None:
    """Dify goes by the name (400); Segmill by what is in the file."""
    uploaded = api.send("files/upload", {"file": ("notes.txt", content)}).json()
    assert uploaded["extension"] == "txt"
    job_id = api.post(batch_import(passages), {"upload_file_id": uploaded["id"]}).json()["job_id"]

    tasks.run_import(job_id)

    job = ImportJob.objects.get(pk=job_id)
    assert job.status == status
    if status == "failed":
        assert job.error_code == "file_damaged"
        assert_nothing_happened(passages)


def test_batch_import_with_a_cache_that_is_down(
    api: Api, passages: Document, settings: Settings
) -> None:
    """Dify answers 500, and the job is lost. Here the row is the truth."""
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/1",
        }
    }

    job = run(api, passages)

    assert job.status == ImportStatus.COMPLETED
    assert api.get(f"datasets/batch_import_status/{job.pk}").json()["job_status"] == "completed"


def test_batch_import_with_a_queue_that_is_down(
    api: Api, passages: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 as in Dify, and nothing stays behind: neither a job for ever waiting, nor the file."""
    before = stored_files()

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("queue down")

    monkeypatch.setattr(hints, "async_task", fail)
    answer = api.send(batch_import(passages), {"file": THREE})

    assert answer.status_code == 500
    assert answer.json() == {"code": "unknown", "message": "Internal Server Error", "status": 500}
    assert not ImportJob.objects.exists()
    assert stored_files() == before
    monkeypatch.setattr(hints, "async_task", queue.async_task)
    assert api.send(batch_import(passages), {"file": THREE}).status_code == 200


@pytest.mark.parametrize("job_id", [UUID(int=1), "not-an-id"])
def test_status_of_an_unknown_job(api: Api, job_id: object) -> None:
    """Dify answers 400; it is 404 here, as for everything that does not exist."""
    answer = api.get(f"datasets/batch_import_status/{job_id}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_status_is_known_long_after_the_cache_has_forgotten_it(
    api: Api, passages: Document
) -> None:
    """After 600 s Dify says that the job does not exist."""
    job = run(api, passages)
    cache.clear()
    ImportJob.objects.filter(pk=job.pk).update(created_at=Now() - timedelta(days=30))

    assert api.get(f"datasets/batch_import_status/{job.pk}").json()["job_status"] == "completed"


def test_update_success(passages: Document, import_text: ImportText) -> None:
    import_text(passages, THREE)
    segment = DocumentSegment.objects.get(position=2)

    editing.update_segment(segment.pk, NewText("A new text."))

    changed = DocumentSegment.objects.get(pk=segment.pk)
    assert (changed.content, changed.word_count, changed.position) == ("A new text.", 11, 2)
    assert changed.index_node_hash == sha256(b"A new text.").hexdigest()
    assert list(changed.embedding) != list(segment.embedding)


def test_update_with_a_model_that_is_not_to_be_had(
    passages: Document, import_text: ImportText
) -> None:
    """Dify: provider token missing. Nothing is changed."""
    import_text(passages, THREE)
    Dataset.objects.filter(pk=passages.dataset_id).update(embedding_model_provider="gone")
    before = list(DocumentSegment.objects.values_list("content", "index_node_hash"))

    with pytest.raises(NoEmbeddingModel):
        editing.update_segment(DocumentSegment.objects.get(position=1).pk, NewText("New."))

    assert list(DocumentSegment.objects.values_list("content", "index_node_hash")) == before


def test_batch_import_with_a_model_that_is_not_to_be_had(api: Api, passages: Document) -> None:
    Dataset.objects.filter(pk=passages.dataset_id).update(embedding_model_provider="gone")

    answer = api.send(batch_import(passages), {"file": THREE})

    assert (answer.status_code, answer.json()["code"]) == (400, "no_embedding_model")
    assert not ImportJob.objects.exists()


# --- 3.4: the new application layer ------------------------------------------------------------


def test_nothing_is_stored_for_a_dataset_or_document_that_is_missing(
    api: Api, passages: Document
) -> None:
    """Mutations reject missing owners before touching the store."""
    before = stored_files()

    for path in (
        f"datasets/{uuid4()}/documents/{passages.pk}/segments/batch_import",
        f"datasets/{passages.dataset_id}/documents/{uuid4()}/segments/batch_import",
    ):
        assert api.send(path, {"file": THREE}).status_code == 404
    assert stored_files() == before


@pytest.mark.parametrize("change", [editing.update_segment, None], ids=["update", "delete"])
def test_a_segment_that_is_missing_is_not_found(
    passages: Document, change: Callable[..., None] | None
) -> None:
    if change:
        with pytest.raises(SegmentNotFound):
            change(uuid4(), NewText("New."))
    else:
        assert editing.delete_segments([uuid4()]) == 0


def test_the_upload_is_looked_up_in_the_callers_tenant_only(
    api: Api, stranger: Api, passages: Document
) -> None:
    theirs = stranger.send("files/upload", {"file": THREE}).json()

    answer = api.post(batch_import(passages), {"upload_file_id": theirs["id"]})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert not OrmQ.objects.exists()
    assert not ImportJob.objects.exists()


def test_a_name_in_capitals_is_accepted(api: Api, passages: Document) -> None:
    uploaded = api.send("files/upload", {"file": ("segments.CSV", THREE)}).json()
    assert uploaded["extension"] == "csv"

    answer = api.post(batch_import(passages), {"upload_file_id": uploaded["id"]})
    tasks.run_import(answer.json()["job_id"])

    assert word(answer.json()["job_id"]) == "completed"


def test_the_status_is_there_when_the_message_is(
    api: Api, passages: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dify records the status before it dispatches; here both are one commit."""
    seen: list[int] = []

    def look(*args: Any, **kwargs: Any) -> Any:
        seen.append(ImportJob.objects.filter(pk=args[1], status="waiting").count())
        return queue.async_task(*args, **kwargs)

    monkeypatch.setattr(hints, "async_task", look)
    job_id = api.start(passages, THREE)

    assert seen == [1]
    assert word(job_id) == "waiting"


def test_an_unknown_job_is_told_from_a_known_one(api: Api, passages: Document) -> None:
    job_id = api.start(passages, THREE)

    assert api.get(f"datasets/batch_import_status/{job_id}").json()["job_status"] == "waiting"
    assert api.get(f"datasets/batch_import_status/{uuid4()}").status_code == 404


def test_keys_words_and_the_message_are_exact(api: Api, passages: Document) -> None:
    began = time.time()
    job_id = api.start(passages, THREE)

    message = OrmQ.objects.get()
    assert (message.func(), message.args()) == ("segments.tasks.run_import", (job_id,))
    kept = json.loads(cache.get(f"segment_batch_import_{job_id}"))
    assert (kept["job_id"], kept["job_status"]) == (job_id, "waiting")
    assert time.time() - began < 60  # within the time that an open state is kept

"""Retry: a failed or cancelled import starts anew, as a new one that names the old."""

from io import BytesIO

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage

from datasets.models import Dataset, Document
from segments.exceptions import DocumentNotAvailable, StateConflict
from segments.files.options import ImportOptions, OnError
from segments.imports import runner
from segments.imports.state import IMPORT_JOBS
from segments.models import DocumentSegment, ImportJob
from segments.models.import_job import ImportSource, ImportStatus
from segments.services import imports

pytestmark = pytest.mark.django_db(transaction=True)

QA = b"question,answer\nHow do I reset it?,Hold the button.\n"
BAD = b"question,answer\nHow do I reset it?,\n"


def start(document: Document, content: bytes = QA) -> ImportJob:
    options = ImportOptions(on_error=OnError.ABORT)
    return imports.start_import(
        document, BytesIO(content), "rows.csv", source=ImportSource.ADMIN, options=options
    )


@pytest.fixture
def cancelled(document: Document) -> ImportJob:
    return imports.cancel_import(start(document))


def test_a_retry_is_a_new_import_of_the_same_file(
    cancelled: ImportJob, document: Document, admin_user: User
) -> None:
    again = imports.retry_import(cancelled, source=ImportSource.API, user=admin_user)

    assert again.pk != cancelled.pk
    assert (again.status, again.retry_of, again.background) == ("waiting", cancelled, True)
    assert (again.file_key, again.file_name) == (cancelled.file_key, "rows.csv")
    assert (again.source, again.created_by) == (ImportSource.API, admin_user)
    assert runner.run(again.pk).status == ImportStatus.COMPLETED
    assert DocumentSegment.objects.filter(document=document, import_job=again).count() == 1
    cancelled.refresh_from_db()
    assert cancelled.status == ImportStatus.CANCELLED


def test_a_failed_import_can_be_retried_once_at_a_time(document: Document) -> None:
    failed = runner.run(start(document, BAD).pk)
    assert failed.status == ImportStatus.FAILED
    again = imports.retry_import(failed, source=ImportSource.ADMIN)

    with pytest.raises(StateConflict, match=rf"already being retried, as import {again.pk}"):
        imports.retry_import(failed, source=ImportSource.ADMIN)
    assert runner.run(again.pk).status == ImportStatus.FAILED
    assert imports.retry_import(failed, source=ImportSource.ADMIN).retry_of == failed


def test_a_retry_takes_the_model_that_the_dataset_has_now(
    cancelled: ImportJob, dataset: Dataset
) -> None:
    Dataset.objects.filter(pk=dataset.pk).update(indexing_technique="economy")
    again = imports.retry_import(IMPORT_JOBS.load(cancelled.pk), source=ImportSource.ADMIN)

    assert (again.embedding_model, again.embedding_dimensions) == ("", None)


@pytest.mark.parametrize("ends", ["open", "completed"])
def test_only_what_came_to_nothing_is_retried(document: Document, ends: str) -> None:
    started = start(document)
    if ends == "completed":
        runner.run(started.pk)

    with pytest.raises(StateConflict, match="Only a failed or cancelled import"):
        imports.retry_import(started, source=ImportSource.ADMIN)
    assert ImportJob.objects.count() == 1


def test_without_its_file_there_is_no_retry(cancelled: ImportJob) -> None:
    default_storage.delete(cancelled.file_key)

    with pytest.raises(StateConflict, match="no longer stored"):
        imports.retry_import(cancelled, source=ImportSource.ADMIN)


def test_a_document_that_is_not_available_is_not_filled(
    cancelled: ImportJob, document: Document
) -> None:
    Document.objects.filter(pk=document.pk).update(enabled=False)

    with pytest.raises(DocumentNotAvailable):
        imports.retry_import(IMPORT_JOBS.load(cancelled.pk), source=ImportSource.ADMIN)

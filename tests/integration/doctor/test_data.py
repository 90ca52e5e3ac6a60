"""Stuck imports, totals of documents, what is staged, files: broken, told of, mended."""

import os
from collections import namedtuple
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models.functions import Now
from django_q.models import OrmQ
from pytest_django import Settings

from datasets.models import Dataset, Document
from segments.imports.state import IMPORT_JOBS
from segments.models import Chunk, ImportJob, ReembeddedVector, Reembedding, StagedRow, UploadFile
from segments.models.embedding import ReembeddingPurpose, ReembeddingStatus
from segments.operations.doctor.data import DocumentTotalsCheck, FilesCheck
from segments.operations.doctor.work import LeftoversCheck, StuckWorkCheck
from segments.operations.reaper import stall_seconds
from segments.uploads import FOLDER

from ..conftest import ImportText, Start
from .conftest import look, mend, texts

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\nHow do I reset it?,Hold the button.\nWhere is it made?,In Ulm.\n"
Totals = tuple[int, int, int]


@pytest.fixture(autouse=True)
def own_storage(settings: Settings, tmp_path: Path) -> None:
    """Files of this test alone."""
    settings.MEDIA_ROOT = tmp_path


def totals(document: Document) -> Totals:
    document.refresh_from_db()
    return document.segment_count, document.word_count, document.tokens


def test_an_import_that_no_worker_takes(document: Document, start: Start) -> None:
    waiting = start(document, QA)
    assert look(StuckWorkCheck).summary == "1 import in progress"

    long_ago = Now() - timedelta(seconds=stall_seconds() + 60)
    ImportJob.objects.update(created_at=long_ago, enqueued_at=long_ago)
    OrmQ.objects.all().delete()
    assert f"The import {waiting.pk} has waited for 150 s" in texts(look(StuckWorkCheck))

    found = mend(StuckWorkCheck)
    assert found.repaired == ["Enqueued again: 1 waiting job."]
    assert OrmQ.objects.count() == 2  # the hint, and the canary
    assert not found.is_well, "it is stuck until a worker takes it"


@pytest.fixture
def reembedding(dataset: Dataset) -> Reembedding:
    """New vectors of a dataset that nobody has begun with."""
    return Reembedding.objects.create(
        tenant=dataset.tenant,
        dataset=dataset,
        purpose=ReembeddingPurpose.CHANGE,
        embedding_model_provider="wordllama",
        embedding_model="l2_supercat_256",
        embedding_requests=3,
    )


def test_new_vectors_that_no_worker_makes(reembedding: Reembedding) -> None:
    assert look(StuckWorkCheck).summary == "1 re-embedding in progress"

    Reembedding.objects.update(created_at=Now() - timedelta(hours=1))
    assert f"The re-embedding {reembedding.pk} has waited for 3,600 s" in texts(
        look(StuckWorkCheck)
    )

    assert mend(StuckWorkCheck).repaired == ["Enqueued again: 1 waiting job."]
    assert OrmQ.objects.count() == 2  # the hint, and the canary


def test_new_vectors_of_one_that_has_ended(reembedding: Reembedding) -> None:
    refused = {"content_hash": "0" * 64, "refusal": "too long"}
    ReembeddedVector.objects.create(reembedding_id=reembedding.pk, **refused)
    assert look(LeftoversCheck).is_well

    Reembedding.objects.update(status=ReembeddingStatus.CANCELLED, finished_at=Now())
    assert "1 re-embedding left vectors behind" in texts(look(LeftoversCheck))

    assert mend(LeftoversCheck).is_well
    assert not ReembeddedVector.objects.exists()


def test_totals_that_disagree_with_the_segments(
    document: Document, passages: Document, import_text: ImportText
) -> None:
    import_text(document, QA)
    import_text(passages, "content\nOne.\n")
    right = totals(document)
    assert look(DocumentTotalsCheck).summary == "2 documents agree with the segments counted"

    Document.objects.filter(pk=document.pk).update(segment_count=7, tokens=right[2] + 1)
    said = texts(look(DocumentTotalsCheck))
    assert f"Document “faq” ({document.pk}) says 7 segments, has 2; " in said
    assert "manual" not in said

    found = mend(DocumentTotalsCheck)
    assert len(found.repaired or []) == 1
    assert found.is_well
    assert totals(document) == right


def test_an_empty_document_that_claims_segments(document: Document) -> None:
    Document.objects.update(segment_count=3, word_count=9, tokens=2)
    assert not look(DocumentTotalsCheck).is_well

    assert mend(DocumentTotalsCheck).is_well
    assert totals(document) == (0, 0, 0)


def staged_row(owner: UUID) -> None:
    StagedRow.objects.create(
        job_id=owner,
        row=1,
        line=2,
        content="x",
        word_count=1,
        tokens=1,
        content_hash="0" * 64,
        text_search_config="simple",
    )


def test_rows_that_are_staged_for_nobody(document: Document, start: Start) -> None:
    at_work = start(document, QA)
    staged_row(at_work.pk)
    assert look(LeftoversCheck).is_well

    staged_row(uuid4())
    assert "1 finished import left staged rows behind" in texts(look(LeftoversCheck))

    assert mend(LeftoversCheck).is_well
    assert [row.job_id for row in StagedRow.objects.all()] == [at_work.pk]


def test_an_ended_import_that_was_not_tidied(document: Document, start: Start) -> None:
    ended = start(document, QA)
    staged_row(ended.pk)
    IMPORT_JOBS.cancel(ended.pk, "for a test")
    assert look(LeftoversCheck).is_well, "the reaper has its time"

    ImportJob.objects.update(finished_at=Now() - timedelta(hours=1))
    assert "Not cleaned up: 1 finished import." in texts(look(LeftoversCheck))

    found = mend(LeftoversCheck)
    assert found.repaired == ["Cleaned up: 1 finished import."]
    assert found.is_well
    assert not StagedRow.objects.exists()


def test_a_chunk_of_an_import_that_was_tidied(document: Document, start: Start) -> None:
    ended = start(document, QA)
    IMPORT_JOBS.cancel(ended.pk, "for a test")
    hour_ago = Now() - timedelta(hours=1)
    ImportJob.objects.update(tidied_at=hour_ago, finished_at=hour_ago)
    Chunk.objects.create(job_id=ended.pk, ordinal=1, first_row=1, last_row=1)

    assert not look(LeftoversCheck).is_well
    assert mend(LeftoversCheck).is_well
    assert not Chunk.objects.exists()


def test_a_file_that_an_import_waits_for_and_that_is_gone(document: Document, start: Start) -> None:
    waiting = start(document, QA)
    assert look(FilesCheck).summary == "1 file stored"

    default_storage.delete(waiting.file_key)
    found = mend(FilesCheck)

    assert not found.is_well
    assert f"The file of import {waiting.pk} (rows.csv) is not in the storage" in texts(found)


def test_files_and_entries_that_nobody_needs(document: Document, start: Start) -> None:
    needed = start(document, QA)
    default_storage.save(f"{FOLDER}/{'0' * 32}", ContentFile(b"x"))
    fresh = look(FilesCheck)
    assert fresh.problems == [], "somebody may be about to import it"

    old = Path(default_storage.path(f"{FOLDER}/{'0' * 32}"))
    os.utime(old, (0, 0))
    UploadFile.objects.create(tenant=document.tenant, name="a", key="imports/gone", size=1)
    found = look(FilesCheck)
    assert "1 file is no longer needed" in texts(found)
    assert "Listed without a file in the storage: 1 upload" in texts(found)

    assert mend(FilesCheck).problems == []
    assert not old.exists()
    assert default_storage.exists(needed.file_key)
    assert not UploadFile.objects.exists()


def test_a_disk_that_is_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage(100, 99, 1))

    found = look(FilesCheck)

    assert "has 1 bytes left" in texts(found)
    assert found.is_well

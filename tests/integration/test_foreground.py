"""Which imports count as abandoned, and what is removed of them; the others are left alone."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import psycopg2
import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models.functions import Now

from datasets.models import Document
from segments.imports import foreground, staging
from segments.models import Chunk, ImportJob, StagedRow
from segments.models.import_job import ImportSource, ImportStatus

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = Now() - timedelta(seconds=settings.SEGMILL_LEASE_SECONDS + 5)
LATELY = Now() - timedelta(seconds=1)
SOON = Now() + timedelta(seconds=30)

MakeJob = Callable[..., ImportJob]


@pytest.fixture
def make_job(document: Document) -> MakeJob:
    """Makes a foreground import as a process that is gone may have left it."""

    def make(**fields: object) -> ImportJob:
        key = default_storage.save("imports/left", ContentFile(b"content\nx\n"))
        usual = {
            "source": ImportSource.COMMAND,
            "background": False,
            "file_name": "a.csv",
            "file_bytes": 1,
        }
        job = ImportJob.objects.create(
            tenant_id=document.tenant_id,
            dataset_id=document.dataset_id,
            document=document,
            file_key=key,
            **usual | fields,
        )
        stage(job.pk)
        return job

    return make


def stage(owner: object) -> None:
    """A staged row that belongs to it."""
    StagedRow.objects.create(
        **{"job_id": owner, "row": 1, "line": 2, "content": "x", "content_hash": "0" * 64},
        **{"word_count": 1, "tokens": 1, "text_search_config": "simple"},
    )


PREPARING, EMBEDDING = ImportStatus.PREPARING, ImportStatus.EMBEDDING
PUBLISHING = ImportStatus.PUBLISHING


@pytest.mark.parametrize(
    "fields",
    [
        {"status": ImportStatus.WAITING, "created_at": LONG_AGO},
        {"status": PREPARING, "lease_until": LATELY},
        {"status": PUBLISHING, "lease_until": LATELY},
        {"status": EMBEDDING, "prepared_at": LONG_AGO},
    ],
    ids=lambda fields: fields["status"],
)
def test_a_silent_import_is_ended_and_tidied(fields: dict[str, object], make_job: MakeJob) -> None:
    job = make_job(**fields)

    foreground.clean_up()

    job.refresh_from_db()
    assert (job.status, job.error_code) == (ImportStatus.FAILED, "abandoned")
    assert "was killed, or its machine stopped" in job.error
    assert not StagedRow.objects.exists()
    assert not default_storage.exists(job.file_key)
    assert job.tidied_at is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"status": ImportStatus.WAITING, "created_at": LATELY},
        {"status": PREPARING, "lease_until": SOON, "created_at": LONG_AGO},
        {"status": EMBEDDING, "prepared_at": LATELY, "created_at": LONG_AGO},
        {"status": PUBLISHING, "lease_until": SOON, "prepared_at": LONG_AGO},
        {"status": ImportStatus.INTERRUPTED, "prepared_at": LONG_AGO},
        {"status": PREPARING, "lease_until": LATELY, "background": True},
    ],
    ids=lambda fields: fields["status"],
)
def test_an_import_that_gives_signs_of_life_is_left_alone(
    fields: dict[str, object], make_job: MakeJob
) -> None:
    job = make_job(**fields)

    foreground.clean_up()

    assert still_there(job)


def still_there(job: ImportJob) -> bool:
    """Whether nothing has happened to it."""
    now = ImportJob.objects.get(pk=job.pk)
    staged = StagedRow.objects.filter(job_id=job.pk).exists()
    return now.status == job.status and staged and default_storage.exists(job.file_key)


@pytest.mark.parametrize(
    ("chunk", "lives"),
    [
        ({"status": "running", "lease_until": SOON}, True),
        ({"status": "done", "finished_at": LATELY}, True),
        ({"status": "running", "lease_until": LATELY}, False),
        ({"status": "done", "finished_at": LONG_AGO}, False),
        ({"status": "pending"}, False),
    ],
)
def test_chunks_are_signs_of_life_while_embedding(
    chunk: dict[str, object], lives: bool, make_job: MakeJob
) -> None:
    job = make_job(status=EMBEDDING, prepared_at=LONG_AGO)
    Chunk.objects.create(job=job, ordinal=1, first_row=1, last_row=1, **chunk)

    foreground.clean_up()

    assert still_there(job) is lives


def test_a_publisher_at_work_is_left_alone_however_long_it_takes(make_job: MakeJob) -> None:
    job = make_job(status=PUBLISHING, lease_until=LATELY)
    publisher = psycopg2.connect(**connection.get_connection_params())
    with publisher.cursor() as cursor:
        cursor.execute(
            "SELECT FROM segments_importjob WHERE id = %s FOR NO KEY UPDATE", [str(job.pk)]
        )
        foreground.clean_up()
        assert still_there(job)
    publisher.close()

    foreground.clean_up()
    assert not still_there(job)


def test_a_dry_run_is_left_alone_as_long_as_its_connection_lives() -> None:
    with staging.visit() as visit:
        stage(visit)
        cleaning = threading.Thread(target=partial(in_own_connection, foreground.clean_up))
        cleaning.start()
        cleaning.join()
        assert StagedRow.objects.filter(job_id=visit).exists()
    assert not StagedRow.objects.exists()


def in_own_connection(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        connection.close()


def test_staged_rows_of_ended_imports_and_of_nobody_are_removed(
    document: Document, import_text: ImportText, make_job: MakeJob
) -> None:
    ended = import_text(document, "question,answer\nWhy?,So.\n")
    stage(ended.pk)
    stage(document.pk)
    alive = make_job()

    foreground.clean_up()

    assert [row.job_id for row in StagedRow.objects.all()] == [alive.pk]

"""A database that fails in the middle of an import: nothing of it is seen, and it says why."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import psycopg2
import pytest
from django.db import connection, connections
from django.test import Client
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

from datasets.models import Document
from segments.exceptions import DatabaseFailed, TargetGone
from segments.imports import runner
from segments.models import DocumentSegment, ImportJob, StagedRow
from segments.models.import_job import ImportStatus
from segments.services.reports import report_import
from tests.pausing import PHASES, disk_full, pause

from .api_client import Api
from .conftest import ImportText
from .snapshot import snapshot, stored_files

pytestmark = pytest.mark.django_db(transaction=True)

T = TypeVar("T")
ROWS = "question,answer\n" + "".join(f"What is row {n}?,It is {n}.\n" for n in range(1, 11))


def in_thread(do: Callable[[], T]) -> "Future[T]":
    """What `do` does in a thread and on connections of its own."""

    def run() -> T:
        try:
            return do()
        finally:
            connections.close_all()

    pool = ThreadPoolExecutor(1)
    future = pool.submit(run)
    pool.shutdown(wait=False)
    return future


@pytest.mark.parametrize("phase", PHASES)
def test_a_lost_connection_fails_the_import_and_the_next_one_works(
    phase: str, document: Document, import_text: ImportText, small_chunks: int
) -> None:
    before = snapshot()
    with pause(phase) as place:
        importing = in_thread(partial(import_text, document, ROWS))
        place.terminate_writer()
        failed = importing.result()

    assert (failed.status, failed.error_code) == (ImportStatus.FAILED, "database_failed")
    assert failed.error.startswith(
        "The connection to the database was lost. Check that it is running"
    )
    assert failed.error.endswith("Nothing was imported.")
    assert snapshot() == before

    assert import_text(document, ROWS).rows_created == 10


@pytest.mark.parametrize("phase", PHASES)
def test_a_full_disk_fails_the_import_and_the_next_one_works(
    phase: str, document: Document, import_text: ImportText, small_chunks: int
) -> None:
    before = snapshot()
    with disk_full(phase):
        failed = import_text(document, ROWS)

    assert (failed.status, failed.error_code) == (ImportStatus.FAILED, "database_failed")
    assert "disk is full. Free some space there and try again" in failed.error
    assert snapshot() == before

    assert import_text(document, ROWS).rows_created == 10


def test_a_connection_that_is_lost_after_the_end_changes_nothing_of_it(
    document: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "merge_full_text", lose_connection)

    report = in_thread(lambda: report_import(import_text(document, ROWS))).result()

    assert (report.status, report.created, report.error) == ("completed", 10, None)
    assert ImportJob.objects.get().tidied_at is None
    monkeypatch.undo()
    runner.settle(ImportJob.objects.get().pk)
    assert ImportJob.objects.get().tidied_at is not None


def lose_connection() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@contextmanager
def no_new_connections() -> Iterator[None]:
    """The server turns everybody away from the database of the tests."""
    params = connection.get_connection_params()
    allow = f'ALTER DATABASE "{params["dbname"]}" ALLOW_CONNECTIONS '
    elsewhere = psycopg2.connect(**params | {"dbname": "postgres"})
    elsewhere.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    try:
        with elsewhere.cursor() as cursor:
            cursor.execute(allow + "false")
            try:
                yield
            finally:
                cursor.execute(allow + "true")
    finally:
        elsewhere.close()


def test_a_database_that_stays_away_is_said_to(
    document: Document, import_text: ImportText, small_chunks: int
) -> None:
    files = stored_files()
    with pause("publishing") as place:
        importing = in_thread(partial(import_text, document, ROWS))
        place.wait_for_writer()
        with no_new_connections():
            place.terminate_writer()
            with pytest.raises(DatabaseFailed, match=r"does not answer.*could not be recorded"):
                importing.result()

    left = ImportJob.objects.get()
    assert left.status == ImportStatus.PUBLISHING
    assert not DocumentSegment.objects.exists()
    ImportJob.objects.filter(pk=left.pk).update(lease_until=left.created_at)

    assert import_text(document, ROWS).rows_created == 10

    left.refresh_from_db()
    assert (left.status, left.error_code) == (ImportStatus.FAILED, "abandoned")
    assert not StagedRow.objects.exists()
    assert stored_files() == files


@pytest.mark.parametrize("phase", PHASES)
def test_a_document_that_is_deleted_meanwhile_takes_its_import_along(
    phase: str, document: Document, import_text: ImportText, small_chunks: int
) -> None:
    files = stored_files()
    with pause(phase) as place:
        importing = in_thread(partial(import_text, document, ROWS))
        place.wait_for_writer()
        deleting = in_thread(document.delete)
        place.wait_for_others()
        place.let_go()
        deleting.result()
        error = importing.exception()

    if phase != "publishing":  # which the deletion waits for, so that it may be told of or not
        assert isinstance(error, TargetGone)
        assert "was deleted while the import ran" in str(error)

    assert isinstance(error, TargetGone | None)
    assert not ImportJob.objects.exists()
    assert not DocumentSegment.objects.exists()
    assert not StagedRow.objects.exists()
    assert stored_files() == files


def test_requests_while_the_database_is_away_are_told_to_come_again(
    api: Api, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    connection.close()
    with no_new_connections():
        answer = api.get("datasets")
        page = client.get("/admin/login/?next=/admin/")
        client.cookies["sessionid"] = "somebody-signed-in"
        signed_in = client.get("/admin/segments/importjob/")
        alive, ready = client.get("/healthz"), client.get("/readyz")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json() == {
        "code": "database_failed",
        "message": "The database is not available. Try again in 5 seconds.",
        "status": 503,
    }
    assert page.status_code == 200, "needs no database yet"
    assert (signed_in.status_code, signed_in["Retry-After"]) == (503, "5")
    assert "The database is not available" in signed_in.content.decode()
    assert (alive.status_code, ready.status_code) == (200, 503)
    assert "GET /admin/segments/importjob/ failed: The database does not answer" in caplog.text
    assert api.get("datasets").status_code == 200

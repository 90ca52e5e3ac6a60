"""Starting an import: one transaction of job and message; what a hint does, and does not."""

from collections.abc import Callable
from io import BytesIO
from uuid import UUID, uuid4

import pytest
from django_q.conf import Conf
from django_q.models import OrmQ
from pytest_django import Settings

from datasets.models import Document
from segments import tasks
from segments.imports import embed_pool
from segments.imports.state import IMPORT_JOBS
from segments.jobs import leases
from segments.jobs.queue import enqueue
from segments.models import Chunk, ImportJob
from segments.models.import_job import ImportSource, ImportStatus
from segments.services import imports

from .conftest import Start
from .storage import stored_files

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\nHow do I reset it?,Hold the button.\nWhere is it made?,In Ulm.\n"


def queued() -> list[tuple[str, str]]:
    """Function and import of each message in the queue."""
    return [(message.func(), message.args()[0]) for message in OrmQ.objects.order_by("id")]


def test_job_and_message_are_there_together(document: Document, start: Start) -> None:
    job = start(document, QA)

    assert job.status == ImportStatus.WAITING
    assert queued() == [(IMPORT_JOBS.task, str(job.pk))]


def test_a_start_that_fails_leaves_neither_job_nor_message_nor_file(
    document: Document, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored_files()

    def fail_after(job_id: UUID) -> None:
        enqueue(IMPORT_JOBS.task, job_id)
        raise KeyError("out of order")

    monkeypatch.setattr(IMPORT_JOBS, "enqueue", fail_after)
    with pytest.raises(KeyError):
        start(document, QA)

    assert queued() == []
    assert not ImportJob.objects.exists()
    assert stored_files() == before


def test_a_message_runs_the_import(
    document: Document, start: Start, contents: Callable[[Document], list[str]]
) -> None:
    job = start(document, QA)

    tasks.run_import(str(job.pk))

    job.refresh_from_db()
    assert job.status == ImportStatus.COMPLETED, job.error
    assert contents(document) == ["How do I reset it?", "Where is it made?"]


def test_a_message_too_many_changes_nothing(
    document: Document, start: Start, contents: Callable[[Document], list[str]]
) -> None:
    job = start(document, QA)
    for _ in range(3):
        tasks.run_import(str(job.pk))

    assert contents(document) == ["How do I reset it?", "Where is it made?"]
    tasks.run_import(str(uuid4()))  # and one for an import that is gone


def test_a_worker_calls_the_next_one_while_there_is_more_to_do(
    document: Document, start: Start, small_chunks: int
) -> None:
    rows = "".join(f"question {n},answer {n}\n" for n in range(small_chunks * 6))
    job = start(document, "question,answer\n" + rows)
    OrmQ.objects.all().delete()

    tasks.run_import(str(job.pk))

    assert queued() == [(IMPORT_JOBS.task, str(job.pk))]


def test_a_turn_ends_and_the_next_one_goes_on(
    document: Document, start: Start, small_chunks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "TURN_SECONDS", 1e-9)
    rows = "".join(f"question {n},answer {n}\n" for n in range(small_chunks * 6))
    job = start(document, "question,answer\n" + rows)

    tasks.run_import(str(job.pk))

    job.refresh_from_db()
    done = Chunk.objects.filter(job=job, status="done").count()
    assert job.status == ImportStatus.EMBEDDING
    assert 1 <= done <= embed_pool.THREADS
    while OrmQ.objects.exists():
        OrmQ.objects.earliest("id").delete()
        tasks.run_import(str(job.pk))
    job.refresh_from_db()
    assert (job.status, job.rows_created) == (ImportStatus.COMPLETED, small_chunks * 6)


def test_a_redis_that_is_down_loses_no_import(
    document: Document, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Conf, "ORM", None)
    monkeypatch.setattr(Conf, "REDIS", "redis://127.0.0.1:1/0")

    job = start(document, QA)

    assert ImportJob.objects.get(pk=job.pk).status == ImportStatus.WAITING


def test_a_foreground_start_tells_no_worker(document: Document) -> None:
    imports.start_import(
        document, BytesIO(QA.encode()), "a.csv", source=ImportSource.COMMAND, background=False
    )
    assert queued() == []


def test_a_queue_of_the_projects_own_gets_what_was_committed(
    document: Document, start: Start, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(f"{__name__}.own_queue", lambda *message: sent.append(message))
    settings.SEGMILL_QUEUE = f"{__name__}.own_queue"

    job = start(document, QA)

    assert sent == [("segments.tasks.run_import", str(job.pk))]
    assert queued() == []
    tasks.work_on(*sent[0])
    job.refresh_from_db()
    assert job.status == ImportStatus.COMPLETED


def test_a_queue_of_the_projects_own_that_is_down_loses_no_import(
    document: Document, start: Start, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SEGMILL_QUEUE = f"{__name__}.own_queue"

    job = start(document, QA)

    assert ImportJob.objects.get(pk=job.pk).status == ImportStatus.WAITING
    assert "waits for the reaper to enqueue it again: the queue is down" in caplog.text


def test_workers_run_nothing_but_tasks_of_segmill() -> None:
    with pytest.raises(ValueError, match=r"os\.system is not a task"):
        tasks.work_on("os.system", "true")


def own_queue(task: str, job_id: str) -> None:
    """A task queue of a project's own."""
    raise ConnectionError("the queue is down")

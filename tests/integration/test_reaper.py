"""The reaper: every import goes on or ends, whatever was lost, and nothing live is touched."""

import json
from datetime import timedelta
from io import StringIO
from threading import Event, Thread
from uuid import UUID

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.db.models.functions import Now
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task

from datasets.models import Document
from segments import tasks
from segments.imports import chunks, runner
from segments.imports.state import IMPORT_JOBS
from segments.jobs import heartbeats, leases, queue
from segments.jobs.django_q_queue import REAP, ensure_schedules
from segments.models import Chunk, Heartbeat, ImportJob, RowError, StagedRow
from segments.models.import_job import ImportStatus
from segments.operations import reaper, retention
from segments.operations.claimable import Claimable

from .conftest import Start

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\n" + "".join(f"question {n},answer {n}\n" for n in range(10))


@pytest.fixture
def waiting(document: Document, start: Start, small_chunks: int) -> ImportJob:
    """An import whose message was lost."""
    heartbeats.beat(heartbeats.worker())  # no canary among the messages
    started = start(document, QA)
    OrmQ.objects.all().delete()
    return started


@pytest.fixture
def embedding(waiting: ImportJob, monkeypatch: pytest.MonkeyPatch) -> ImportJob:
    """An import with three chunks to embed, whose workers are gone."""
    with monkeypatch.context() as patch:
        patch.setattr(runner, "embed", lambda *args: None)
        runner.run(waiting.pk)
    OrmQ.objects.all().delete()
    return waiting


def enqueued() -> list[str]:
    return [
        message.args()[0] for message in OrmQ.objects.all() if message.func() == IMPORT_JOBS.task
    ]


def age(job_id: UUID, *, seconds: float, **fields: str) -> None:
    """Put moments of an import into the past."""
    past = Now() - timedelta(seconds=seconds)
    ImportJob.objects.filter(pk=job_id).update(**dict.fromkeys(fields or {"created_at"}, past))


def later(job_id: UUID, seconds: float) -> None:
    """As if so much time had passed for an import and its chunks."""
    for table, key, moments in (
        ("segments_importjob", "id", ("created_at", "prepared_at", "enqueued_at", "lease_until")),
        ("segments_chunk", "job_id", ("lease_until", "finished_at")),
    ):
        moved = ", ".join(f"{name} = {name} - make_interval(secs => %s)" for name in moments)
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {table} SET {moved} WHERE {key} = %s", [*[seconds] * len(moments), job_id]
            )


LEASE = settings.SEGMILL_LEASE_SECONDS


def test_a_message_that_was_just_sent_is_not_sent_again(waiting: ImportJob) -> None:
    reaper.sweep()
    assert enqueued() == []


def test_a_lost_message_is_sent_again(waiting: ImportJob) -> None:
    later(waiting.pk, LEASE + 1)

    assert reaper.sweep() == reaper.Sweep(enqueued=1)
    assert reaper.sweep() == reaper.Sweep(), "and then it waits its time again"

    assert enqueued() == [str(waiting.pk)]


def test_what_a_killed_worker_left_is_enqueued_once_its_lease_is_over(
    waiting: ImportJob,
) -> None:
    ImportJob.objects.filter(pk=waiting.pk).update(enqueued_at=Now())
    IMPORT_JOBS.claim_preparing(waiting.pk)
    reaper.sweep()
    assert enqueued() == [], "its lease is live"
    later(waiting.pk, LEASE + 1)
    ImportJob.objects.filter(pk=waiting.pk).update(enqueued_at=Now() - timedelta(seconds=2))

    reaper.sweep()

    assert enqueued() == [str(waiting.pk)]


def test_a_chunk_of_a_killed_worker_is_enqueued(embedding: ImportJob) -> None:
    from segments.imports import chunks

    ImportJob.objects.filter(pk=embedding.pk).update(enqueued_at=Now())
    for _ in range(3):
        chunks.claim_next(embedding.pk)
    reaper.sweep()
    assert enqueued() == [], "all of it is being worked on"
    later(embedding.pk, LEASE + 1)
    ImportJob.objects.filter(pk=embedding.pk).update(enqueued_at=Now() - timedelta(seconds=2))

    reaper.sweep()

    assert enqueued() == [str(embedding.pk)]


def test_an_import_that_only_has_to_be_published_is_enqueued(
    embedding: ImportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(IMPORT_JOBS, "claim_publishing", lambda job_id: None)
        runner.run(embedding.pk)
    assert not Chunk.objects.exclude(status="done").exists()
    OrmQ.objects.all().delete()

    reaper.sweep()

    assert enqueued() == [str(embedding.pk)]
    tasks.run_import(enqueued()[0])
    assert IMPORT_JOBS.load(embedding.pk).status == ImportStatus.COMPLETED


def test_work_that_was_put_back_is_enqueued_when_its_pause_is_over(waiting: ImportJob) -> None:
    claim = IMPORT_JOBS.claim_preparing(waiting.pk)
    assert claim
    IMPORT_JOBS.put_back(claim, "The disk was full.")
    reaper.sweep()
    assert enqueued() == []
    ImportJob.objects.filter(pk=waiting.pk).update(not_before=Now(), lease_until=Now())

    reaper.sweep()

    assert enqueued() == [str(waiting.pk)]


@pytest.mark.parametrize(
    ("found", "backoff", "overdue"),
    [
        (Claimable(IMPORT_JOBS, UUID(int=1), 10, 20, is_worked_on=False), 60, True),
        (Claimable(IMPORT_JOBS, UUID(int=1), 10, 20, is_worked_on=True), 60, False),
        (Claimable(IMPORT_JOBS, UUID(int=1), 20, 10, is_worked_on=False), 60, False),
        (Claimable(IMPORT_JOBS, UUID(int=1), 90, 61, is_worked_on=True), 60, True),
        (Claimable(IMPORT_JOBS, UUID(int=1), 90, 61, is_worked_on=False), 600, False),
    ],
)
def test_what_is_overdue(found: Claimable, backoff: float, overdue: bool) -> None:
    assert reaper.is_overdue(found, backoff) is overdue


def test_a_long_queue_makes_the_reaper_wait(waiting: ImportJob) -> None:
    assert reaper.enqueue_backoff() == LEASE / reaper.MESSAGES_PER_LEASE
    for _ in range(20):
        IMPORT_JOBS.enqueue(waiting.pk)
    assert reaper.enqueue_backoff() == 20 / settings.SEGMILL_WORKERS * leases.TURN_SECONDS


def test_a_foreground_import_is_left_to_its_process(waiting: ImportJob) -> None:
    later(waiting.pk, LEASE + 1)
    ImportJob.objects.filter(pk=waiting.pk).update(background=False, created_at=Now())
    reaper.sweep()
    assert enqueued() == []


def test_spent_imports_end_without_a_worker(waiting: ImportJob) -> None:
    ImportJob.objects.filter(pk=waiting.pk).update(
        status="preparing", attempts=leases.MAX_ATTEMPTS, lease_until=Now()
    )
    swept = reaper.sweep()

    assert swept
    assert swept.failed == 1
    waiting.refresh_from_db()
    assert (waiting.status, waiting.error_code) == (ImportStatus.FAILED, "attempts_spent")


def test_an_import_nobody_takes_expires(waiting: ImportJob) -> None:
    later(waiting.pk, reaper.EXPIRE_HOURS * 3_600 + 1)

    reaper.sweep()

    waiting.refresh_from_db()
    assert (waiting.status, waiting.error_code) == (ImportStatus.FAILED, "expired")
    assert "168 hours" in waiting.error


def test_an_import_whose_worker_was_lost_and_had_no_successor_expires(waiting: ImportJob) -> None:
    long_ago = Now() - timedelta(hours=reaper.EXPIRE_HOURS, seconds=1)
    assert IMPORT_JOBS.claim_preparing(waiting.pk)
    reaper.sweep()
    waiting.refresh_from_db()
    assert waiting.status == ImportStatus.PREPARING

    ImportJob.objects.filter(pk=waiting.pk).update(lease_until=long_ago)
    reaper.sweep()

    waiting.refresh_from_db()
    assert (waiting.status, waiting.error_code) == (ImportStatus.FAILED, "expired")


@pytest.mark.parametrize("status", [ImportStatus.EMBEDDING, ImportStatus.INTERRUPTED])
def test_an_import_whose_chunks_nobody_takes_expires(
    embedding: ImportJob, status: ImportStatus
) -> None:
    long_ago = Now() - timedelta(hours=reaper.EXPIRE_HOURS, seconds=1)
    row = ImportJob.objects.filter(pk=embedding.pk)
    assert chunks.claim_next(embedding.pk)
    row.update(status=status, created_at=long_ago, prepared_at=long_ago)
    reaper.sweep()
    assert row.get().status == status, "somebody embeds a chunk"

    Chunk.objects.filter(status="running").update(lease_until=long_ago)
    reaper.sweep()

    assert row.get().error_code == "expired"


def test_what_a_killed_worker_left_staged_is_removed(embedding: ImportJob) -> None:
    IMPORT_JOBS.cancel(embedding.pk, "Enough.")
    assert StagedRow.objects.exists()
    ImportJob.objects.filter(pk=embedding.pk).update(finished_at=Now() - timedelta(minutes=1))

    swept = reaper.sweep()

    assert swept
    assert swept.tidied == 1
    assert not StagedRow.objects.exists()
    assert not reaper.sweep()


def test_one_import_that_cannot_be_tidied_does_not_stand_in_the_way_of_others(
    waiting: ImportJob, document: Document, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = start(document, QA + "one more,row\n")
    for each in (waiting, other):
        IMPORT_JOBS.cancel(each.pk, "Enough.")
    ImportJob.objects.update(finished_at=Now() - timedelta(minutes=1))
    settle = runner.settle

    def fail_once(job_id: UUID) -> ImportJob:
        if job_id == waiting.pk:
            raise OSError("the storage is away")
        return settle(job_id)

    monkeypatch.setattr(runner, "settle", fail_once)
    reaper.sweep()

    assert list(ImportJob.objects.filter(tidied_at=None)) == [waiting]


def test_one_reaper_works_at_a_time(waiting: ImportJob) -> None:
    later(waiting.pk, LEASE + 1)
    locked, done = Event(), Event()

    def hold() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [reaper.ADVISORY_LOCK])
            locked.set()
            done.wait()
            cursor.execute("SELECT pg_advisory_unlock(%s)", [reaper.ADVISORY_LOCK])
        connections.close_all()

    rival = Thread(target=hold)
    rival.start()
    locked.wait()
    assert reaper.sweep() is None
    done.set()
    rival.join()
    assert reaper.sweep() == reaper.Sweep(enqueued=1)


def test_an_idle_installation_asks_its_workers_for_a_sign_of_life() -> None:
    reaper.sweep()
    reaper.sweep()
    assert [message.func() for message in OrmQ.objects.all()] == [queue.CANARY]

    tasks.show_that_workers_work()

    seconds = heartbeats.age_of_any_worker()
    assert seconds is not None
    assert 0 <= seconds < 60
    Heartbeat.objects.filter(name=heartbeats.CANARY).update(at=Now() - timedelta(minutes=5))
    reaper.sweep()
    assert OrmQ.objects.count() == 1, "a worker has just shown itself"


def test_details_of_old_imports_are_removed_and_those_of_young_ones_kept(
    document: Document, start: Start
) -> None:
    old, young = (start(document, f"question,answer\n{n},\n") for n in range(2))
    for each in (old, young):
        ended = runner.run(each.pk)
        assert ended.rows_failed == 1, ended.error
    limit = timedelta(days=settings.SEGMILL_KEEP_DETAILS_DAYS)
    ImportJob.objects.filter(pk=old.pk).update(finished_at=Now() - limit - timedelta(hours=1))
    failure = {"func": "a", "started": timezone.now() - 2 * limit, "success": False}
    Task.objects.create(id="1", name="old", stopped=timezone.now() - 2 * limit, **failure)
    Task.objects.create(id="2", name="young", stopped=timezone.now(), **failure)

    cleaned = retention.clean_up_if_due()

    assert cleaned
    assert (cleaned.row_errors, cleaned.queue_failures) == (1, 1)
    assert [error.job for error in RowError.objects.all()] == [young]
    assert retention.clean_up_if_due() is None, "not twice within an hour"


def test_the_command_looks_once_and_says_what_it_did(waiting: ImportJob) -> None:
    later(waiting.pk, LEASE + 1)
    out = StringIO()

    call_command("import_reaper", once=True, json=True, stdout=out)

    assert json.loads(out.getvalue())["enqueued"] == 1


def test_the_queue_runs_the_reaper_where_nobody_else_does(waiting: ImportJob) -> None:
    later(waiting.pk, LEASE + 1)
    ensure_schedules()
    ensure_schedules()
    assert Schedule.objects.get().func == REAP

    tasks.reap()

    assert enqueued() == [str(waiting.pk)]

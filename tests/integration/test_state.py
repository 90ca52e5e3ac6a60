"""The state machine of imports: who may move what, when, and what ends a work that never ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from uuid import UUID

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, OperationalError, connection, connections, transaction
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from datasets.models import Document
from segments.embedding.providers.wordllama import WordLlamaEmbedder
from segments.exceptions import ClaimLost, StateConflict
from segments.files.types import no_progress
from segments.imports import chunks, embed, runner
from segments.imports import prepare as preparing
from segments.imports.prepare import prepare
from segments.imports.state import IMPORT_JOBS
from segments.jobs import leases
from segments.models import Chunk, DocumentSegment, ImportJob, RowError, StagedRow, StagedVector
from segments.models.import_job import OPEN_STATUSES, ImportStatus
from segments.models.job import FINAL_STATUSES

from .conftest import Start

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\n" + "".join(f"question {n},answer {n}\n" for n in range(10))


@pytest.fixture
def waiting(document: Document, start: Start, small_chunks: int) -> ImportJob:
    """An import of ten rows that no worker has looked at."""
    return start(document, QA)


@pytest.fixture
def embedding(waiting: ImportJob, monkeypatch: pytest.MonkeyPatch) -> ImportJob:
    """An import that is prepared, with three chunks to embed."""
    with monkeypatch.context() as patch:
        patch.setattr(runner, "embed", lambda *args: None)
        runner.run(waiting.pk)
    waiting.refresh_from_db()
    assert (waiting.status, Chunk.objects.count()) == (ImportStatus.EMBEDDING, 3)
    return waiting


def expire(job_id: UUID) -> None:
    """Let every lease of an import run out, and every pause end."""
    ImportJob.objects.filter(pk=job_id, lease_until__isnull=False).update(lease_until=Now())
    ImportJob.objects.filter(pk=job_id).update(not_before=None)
    Chunk.objects.filter(job_id=job_id, status="running").update(lease_until=Now())
    Chunk.objects.filter(job_id=job_id).update(not_before=None)


@contextmanager
def another_transaction(job_id: UUID) -> Iterator[None]:
    """Another connection that has the job's row locked."""
    locked, done = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            ImportJob.objects.select_for_update().get(pk=job_id)
            locked.set()
            done.wait()
        connections.close_all()

    thread = Thread(target=hold)
    thread.start()
    locked.wait()
    try:
        yield
    finally:
        done.set()
        thread.join()


ARROWS = {
    ("waiting", "preparing"),
    ("preparing", "embedding"),
    ("embedding", "publishing"),
    ("publishing", "completed"),
    ("embedding", "interrupted"),
    ("interrupted", "embedding"),
    *((status, end) for status in OPEN_STATUSES for end in ("failed", "cancelled")),
}
WAY_TO = {
    "waiting": [],
    "preparing": ["preparing"],
    "embedding": ["preparing", "embedding"],
    "interrupted": ["preparing", "embedding", "interrupted"],
    "publishing": ["preparing", "embedding", "publishing"],
    "completed": ["preparing", "embedding", "publishing", "completed"],
    "failed": ["failed"],
    "cancelled": ["cancelled"],
}


@pytest.mark.parametrize("before", ImportStatus.values)
def test_the_database_knows_the_arrows_that_are_drawn_and_no_others(
    waiting: ImportJob, before: str
) -> None:
    row = ImportJob.objects.filter(pk=waiting.pk)
    reasons = {"error": "why", "error_code": "why", "lease_until": Now()}

    def move(status: str) -> None:
        ended = Now() if status in FINAL_STATUSES else None
        row.update(status=status, finished_at=ended, **reasons)

    for status in WAY_TO[before]:
        move(status)
    for after in set(ImportStatus.values) - {before}:
        with transaction.atomic():
            if (before, after) in ARROWS:
                move(after)
            else:
                with (
                    pytest.raises(IntegrityError, match=r"cannot go from|for good"),
                    transaction.atomic(),
                ):
                    move(after)
            transaction.set_rollback(True)


@pytest.mark.parametrize(("before", "after"), [("done", "running"), ("dead", "pending")])
def test_the_database_keeps_finished_chunks_finished(
    embedding: ImportJob, before: str, after: str
) -> None:
    chunk = Chunk.objects.filter(job=embedding, ordinal=1)
    chunk.update(status="running", lease_until=Now())
    chunk.update(status=before)

    with pytest.raises(IntegrityError, match="cannot go from"):
        chunk.update(status=after, lease_until=Now())


def test_the_database_lets_no_epoch_fall(embedding: ImportJob) -> None:
    chunks.claim_next(embedding.pk)
    with pytest.raises(IntegrityError, match="cannot fall"):
        ImportJob.objects.filter(pk=embedding.pk).update(epoch=0)
    with pytest.raises(IntegrityError, match="cannot fall"):
        Chunk.objects.filter(job=embedding).update(epoch=0)


def test_work_whose_lease_is_live_is_nobody_elses(waiting: ImportJob) -> None:
    assert IMPORT_JOBS.claim_preparing(waiting.pk)
    assert IMPORT_JOBS.claim_preparing(waiting.pk) is None


def test_a_holder_that_was_overtaken_can_neither_go_on_nor_fail_the_import(
    waiting: ImportJob,
) -> None:
    late = IMPORT_JOBS.claim_preparing(waiting.pk)
    expire(waiting.pk)
    now = IMPORT_JOBS.claim_preparing(waiting.pk)

    assert late
    assert now
    assert now.epoch > late.epoch
    with pytest.raises(ClaimLost):
        IMPORT_JOBS.renew(late)
    with pytest.raises(ClaimLost):
        IMPORT_JOBS.start_embedding(late)
    assert not IMPORT_JOBS.fail_held(late, "bad", "The late one's trouble.")
    IMPORT_JOBS.put_back(late, "The late one's trouble.")
    IMPORT_JOBS.renew(now)


def test_a_holder_that_was_overtaken_clears_nothing_of_its_successors(
    waiting: ImportJob, document: Document, contents: Callable[[Document], list[str]]
) -> None:
    late = IMPORT_JOBS.claim_preparing(waiting.pk)
    assert late
    expire(waiting.pk)
    now = IMPORT_JOBS.claim_preparing(waiting.pk)
    assert now
    prepare(now, no_progress)

    with pytest.raises(ClaimLost):
        prepare(late, no_progress)

    assert (StagedRow.objects.count(), Chunk.objects.count()) == (10, 3)
    assert runner.run(waiting.pk).status == ImportStatus.COMPLETED
    assert len(contents(document)) == 10


def test_each_phase_has_its_own_attempts(embedding: ImportJob) -> None:
    """A prepare that got through at its last try must not count against what follows."""
    embedding.refresh_from_db()
    assert (embedding.attempts, embedding.lease_until) == (0, None)


def test_an_error_of_no_import_is_tried_again_after_a_pause_and_then_named(
    waiting: ImportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(runner, "prepare", fail)
    for attempt in range(1, leases.MAX_ATTEMPTS + 1):
        with pytest.raises(OSError, match="No space"):
            runner.run(waiting.pk)
        waiting.refresh_from_db()
        assert (waiting.status, waiting.attempts) == (ImportStatus.PREPARING, attempt)
        assert runner.run(waiting.pk).attempts == attempt, "not before its pause is over"
        expire(waiting.pk)

    ended = runner.run(waiting.pk)

    assert (ended.status, ended.error_code) == (ImportStatus.FAILED, "attempts_spent")
    assert "tried 5 times" in ended.error
    assert "No space left on device" in ended.error


def test_a_database_that_went_away_makes_no_pause_longer(
    waiting: ImportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_connection(*args: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(runner, "prepare", lose_connection)
    for attempt in range(1, leases.MAX_ATTEMPTS + 1):
        with pytest.raises(OperationalError):
            runner.run(waiting.pk)
        waiting.refresh_from_db()
        assert waiting.attempts == attempt
        assert waiting.not_before
        pause = (waiting.not_before - timezone.now()).total_seconds()
        assert pause <= 1.5 * leases.RETRY_SECONDS
        expire(waiting.pk)


def test_pauses_double_up_to_five_minutes() -> None:
    def longest(attempts: int) -> float:
        pauses: list[float] = [
            leases.after_back_off(attempts).rhs.value.total_seconds() for _ in range(200)
        ]
        assert max(pauses) > min(pauses), "jitter"
        return max(pauses)

    base = leases.RETRY_SECONDS
    assert base < longest(1) <= 1.5 * base
    assert 3 * base < longest(3) <= 6 * base
    assert longest(60) <= 1.5 * leases.MAX_BACK_OFF_SECONDS


def test_a_worker_lost_each_time_ends_its_import(waiting: ImportJob) -> None:
    for _ in range(leases.MAX_ATTEMPTS):
        assert IMPORT_JOBS.claim_preparing(waiting.pk)
        expire(waiting.pk)

    assert IMPORT_JOBS.claim_preparing(waiting.pk) is None
    ended = runner.run(waiting.pk)
    assert (ended.status, ended.error_code) == (ImportStatus.FAILED, "attempts_spent")
    assert "worker was lost each time" in ended.error


def test_a_chunk_that_loses_its_worker_each_time_ends_its_import_with_its_lines(
    embedding: ImportJob, contents: Callable[[Document], list[str]], document: Document
) -> None:
    for _ in range(leases.MAX_ATTEMPTS):
        claim = chunks.claim_next(embedding.pk)
        assert claim
        assert claim.ordinal == 1
        expire(embedding.pk)

    ended = runner.run(embedding.pk)

    assert (ended.status, ended.error_code) == (ImportStatus.FAILED, "embedding_failed")
    assert "lines 2 to 5 were tried 5 times" in ended.error
    assert contents(document) == []
    assert not StagedRow.objects.exists()


def test_a_chunk_that_meets_an_error_each_time_ends_its_import_with_it(
    embedding: ImportJob, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr("segments.imports.embed_pool.THREADS", 1)

    def fail(self: object, texts: object) -> None:
        raise MemoryError("the model is too large")

    monkeypatch.setattr(WordLlamaEmbedder, "embed_passages", fail)
    for _ in range(leases.MAX_ATTEMPTS):
        with pytest.raises(MemoryError):
            runner.run(embedding.pk)
        expire(embedding.pk)

    ended = runner.run(embedding.pk)

    assert ended.status == ImportStatus.FAILED
    assert "MemoryError: the model is too large" in ended.error
    assert Chunk.objects.count() == 0


def test_a_chunk_is_finished_only_by_who_holds_it(embedding: ImportJob) -> None:
    late = chunks.claim_next(embedding.pk)
    expire(embedding.pk)
    now = chunks.claim_next(embedding.pk)
    assert late
    assert now
    assert (late.ordinal, now.epoch) == (now.ordinal, late.epoch + 1)

    with pytest.raises(ClaimLost):
        chunks.finish(late, embedded=4, reused=0, seconds=1)
    with pytest.raises(ClaimLost), chunks.writing(late):
        pytest.fail("a late writer wrote")
    chunks.release(late)
    chunks.put_back(late, "late")
    chunks.bury(late, "late", "Too late.")

    chunks.finish(now, embedded=4, reused=0, seconds=1)
    assert IMPORT_JOBS.load(embedding.pk).status == ImportStatus.EMBEDDING


def test_a_chunk_that_makes_progress_keeps_its_lease(
    embedding: ImportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two batches, and only by who holds it: work that hangs shows no progress."""
    monkeypatch.setattr(embed, "RENEWALS_PER_LEASE", 1_000_000)
    claim = chunks.claim_next(embedding.pk)
    assert claim
    pulse = embed._Pulse(claim, stop=lambda: False)
    expire(embedding.pk)

    pulse()

    renewed = Chunk.objects.get(job=embedding, ordinal=1).lease_until
    assert renewed
    assert renewed > timezone.now()
    expire(embedding.pk)
    assert chunks.claim_next(embedding.pk)
    with pytest.raises(ClaimLost):
        pulse()


def test_nothing_lands_after_clearing_what_was_staged(embedding: ImportJob) -> None:
    """A chunk's writer holds up the clearing, or comes too late: nothing is left either way."""
    claim = chunks.claim_next(embedding.pk)
    assert claim
    wrote, cleared = Event(), Event()

    def write() -> None:
        with chunks.writing(claim):
            wrote.set()
            cleared.wait(0.5)
            StagedVector.objects.create(job_id=embedding.pk, row=1, embedding=[1.0, 2.0])
        connections.close_all()

    writer = Thread(target=write)
    writer.start()
    wrote.wait()
    IMPORT_JOBS.cancel(embedding.pk, "Enough.")
    runner.settle(embedding.pk)
    cleared.set()
    writer.join()

    assert not StagedVector.objects.exists()
    assert not StagedRow.objects.exists()


def test_a_file_that_is_gone_ends_its_import(waiting: ImportJob) -> None:
    default_storage.delete(waiting.file_key)

    ended = runner.run(waiting.pk)

    assert (ended.status, ended.error_code) == (ImportStatus.FAILED, "file_unreadable")
    assert "Import the file again" in ended.error


def test_bad_rows_are_reported_once_however_often_they_were_read(
    document: Document, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = start(document, "question,answer\nblank,\nfine,yes\n")
    with monkeypatch.context() as patch:
        patch.setattr(IMPORT_JOBS, "start_embedding", lambda *args, **changes: 1 / 0)
        patch.setattr(preparing, "RowsRefused", ZeroDivisionError)
        with pytest.raises(ZeroDivisionError):
            runner.run(started.pk)
    expire(started.pk)

    runner.run(started.pk)

    assert RowError.objects.filter(job=started).count() == 1


def test_a_publisher_at_work_is_left_alone(embedding: ImportJob) -> None:
    """Its row is locked though its lease has run out: rivals and cancel wait a moment only."""
    ImportJob.objects.filter(pk=embedding.pk).update(status="publishing", lease_until=Now())
    with another_transaction(embedding.pk):
        assert IMPORT_JOBS.claim_publishing(embedding.pk) is None
        assert not IMPORT_JOBS.give_up_if_spent(embedding.pk)
        with pytest.raises(StateConflict, match="being published now"):
            IMPORT_JOBS.cancel(embedding.pk, "Enough.")


def test_cancel_names_what_it_waits_for(waiting: ImportJob) -> None:
    IMPORT_JOBS.claim_preparing(waiting.pk)
    with another_transaction(waiting.pk), pytest.raises(StateConflict, match="storing rows"):
        IMPORT_JOBS.cancel(waiting.pk, "Enough.")


def test_rows_that_vanished_are_never_published_as_if_the_file_had_not_had_them(
    embedding: ImportJob, contents: Callable[[Document], list[str]], document: Document
) -> None:
    StagedRow.objects.filter(job_id=embedding.pk, row=7).delete()

    ended = runner.run(embedding.pk)

    assert (ended.status, ended.error_code) == (ImportStatus.FAILED, "rows_gone")
    assert "Only 9 of 10 checked rows are left" in ended.error
    assert contents(document) == []


def test_an_import_goes_through_after_all_that(embedding: ImportJob, document: Document) -> None:
    expire(embedding.pk)
    assert runner.run(embedding.pk).status == ImportStatus.COMPLETED
    assert DocumentSegment.objects.filter(document=document).count() == 10

"""When workers count as hanging: there is work, and they take none; never while they do any."""

import socket
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connections, transaction
from django.db.models.functions import Now
from pytest_django import Settings

from datasets.models import Dataset, Document
from segments.imports import runner
from segments.imports.state import IMPORT_JOBS
from segments.indexing.state import INDEXES, ensure_building
from segments.jobs import heartbeats
from segments.models import Heartbeat, ImportJob
from segments.operations.claimable import find_claimable
from segments.operations.reaper import CANARY_SECONDS, stall_seconds
from segments.operations.watchdog import find_stall

from .conftest import Start

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\n" + "".join(f"question {n},answer {n}\n" for n in range(10))
LONG = stall_seconds() + 1
UP = 10_000.0


def beaten(name: str, seconds: float) -> None:
    """A heartbeat so long ago."""
    at = Now() - timedelta(seconds=seconds)
    Heartbeat.objects.update_or_create(name=name, defaults={"at": at})


@pytest.fixture
def waiting(document: Document, start: Start) -> ImportJob:
    """An import that has waited for too long, for workers that have been quiet for long."""
    started = start(document, QA)
    ImportJob.objects.update(created_at=Now() - timedelta(seconds=LONG))
    beaten(heartbeats.worker(), LONG)
    return started


def test_work_that_waits_while_workers_are_quiet_is_a_stall(waiting: ImportJob) -> None:
    assert "work has waited for" in str(find_stall(UP))


def test_workers_that_were_just_started_are_given_time(waiting: ImportJob) -> None:
    assert find_stall(seconds_up=LONG - 2) is None


def test_each_restart_in_vain_gives_the_next_workers_more_time(waiting: ImportJob) -> None:
    """A machine that is too busy to start them in time would restart them for ever."""
    up = 2.0 * stall_seconds()
    ImportJob.objects.update(created_at=Now() - timedelta(seconds=2 * LONG))
    beaten(heartbeats.worker(), 2 * LONG)

    assert find_stall(up, restarts=1)
    assert find_stall(up, restarts=2) is None


def test_workers_that_just_took_a_task_are_well(waiting: ImportJob) -> None:
    beaten(heartbeats.worker(), 1)
    assert find_stall(UP) is None


def test_workers_of_another_machine_do_not_vouch_for_these(waiting: ImportJob) -> None:
    beaten("worker:elsewhere", 1)
    assert find_stall(UP)


def test_a_worker_that_shows_progress_is_well(
    waiting: ImportJob, document: Document, start: Start
) -> None:
    other = start(document, QA + "and another,one\n")
    assert IMPORT_JOBS.claim_preparing(other.pk)
    assert find_stall(UP) is None
    ImportJob.objects.filter(pk=other.pk).update(
        lease_owner=f"{socket.gethostname()}-2:1:1",
    )
    assert find_stall(UP), "that was another machine's"


def test_a_worker_that_builds_an_index_is_well(waiting: ImportJob, dataset: Dataset) -> None:
    """Where it is the only one, imports wait longer than workers may be quiet."""
    build = ensure_building(dataset, background=False)
    assert build
    assert INDEXES.claim_work(build)
    assert find_stall(UP) is None


def test_an_import_that_waits_for_its_tenants_others_is_no_stall(
    waiting: ImportJob, document: Document, start: Start, settings: Settings
) -> None:
    settings.SEGMILL_TENANT_IMPORTS = 1
    other = start(document, QA + "and another,one\n")
    assert IMPORT_JOBS.claim_preparing(other.pk)
    ImportJob.objects.filter(pk=other.pk).update(lease_owner="elsewhere:1:1")

    assert find_stall(UP) is None


def test_a_long_publish_is_neither_a_stall_nor_to_be_taken_up(waiting: ImportJob) -> None:
    """Its lease runs out during one statement; the lock on its row shows that it lives."""
    past = Now() - timedelta(seconds=LONG)
    for status in ("preparing", "embedding", "publishing"):
        ImportJob.objects.update(status=status, lease_until=past, enqueued_at=past)
    locked, done = Event(), Event()

    def publish() -> None:
        with transaction.atomic():
            ImportJob.objects.select_for_update(no_key=True).get()
            locked.set()
            done.wait()
        connections.close_all()

    publisher = Thread(target=publish)
    publisher.start()
    locked.wait()
    assert find_claimable() == []
    assert find_stall(UP) is None
    done.set()
    publisher.join()

    assert [found.job_id for found in find_claimable()] == [waiting.pk]


def test_a_canary_that_nobody_answers_is_a_stall() -> None:
    too_long = CANARY_SECONDS + stall_seconds() + 1
    beaten(heartbeats.CANARY, 30)
    beaten(heartbeats.worker(), too_long)
    assert "no worker has answered" in str(find_stall(UP))
    assert find_stall(seconds_up=LONG) is None

    beaten("worker:elsewhere", 10)
    assert find_stall(UP) is None, "another machine has taken it"


def test_without_a_reaper_nobody_is_asked_and_nobody_hangs() -> None:
    beaten(heartbeats.worker(), 100_000)
    assert find_stall(UP) is None


def test_nothing_to_do_is_no_stall(document: Document, start: Start) -> None:
    runner.run(start(document, QA).pk)
    beaten(heartbeats.worker(), 100_000)
    assert find_stall(UP) is None

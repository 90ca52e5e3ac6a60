"""/healthz and /readyz: right in every state of the installation, cheap, and telling nothing."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_q.conf import Conf
from pytest_django import DjangoAssertNumQueries, Settings

from config.web import listen, port_of
from datasets.models import Document
from segments.imports.state import IMPORT_JOBS
from segments.jobs import heartbeats
from segments.models import Heartbeat
from segments.operations import health

from .conftest import Start

pytestmark = pytest.mark.django_db

READY = {"database": "ready", "migrations": "ready", "broker": "ready", "workers": "ready"}
# SET LOCAL and a savepoint a part, and one query for each.
MOST_QUERIES = 24


@pytest.fixture
def working(db: None) -> None:
    """A worker has just taken a task."""
    heartbeats.beat(heartbeats.worker())


def parts(client: Client, status: int) -> dict[str, str]:
    answer = client.get("/readyz")
    assert answer.status_code == status
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["status"] == ("ready" if status == 200 else "not ready")
    return dict(body["parts"])


def test_alive_without_a_look_at_the_database(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_ready(client: Client, working: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert parts(client, 200) == READY

    assert len(queries) <= MOST_QUERIES


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_come_by_any_name_and_by_plain_http(
    path: str, client: Client, working: None, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["segmill.example.org"]
    settings.SECURE_SSL_REDIRECT = True

    answer = client.get(path, headers={"host": "10.1.2.3:8000"})

    assert answer.status_code == 200
    assert not answer.cookies


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_only_look(path: str, client: Client) -> None:
    assert client.post(path).status_code == 405


def test_other_addresses_are_not_probes(client: Client) -> None:
    assert client.get("/healthz/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_without_a_database_nothing_is_ready_and_nothing_is_told(client: Client) -> None:
    asked = []

    def lost(*statement: object) -> None:
        asked.append(statement)
        raise OperationalError('connection to "db.internal" failed: password for "me"')

    with connection.execute_wrapper(lost):
        found = parts(client, 503)

    not_asked = dict.fromkeys(READY, "not checked while the database does not answer")
    assert found == not_asked | {"database": "does not answer"}
    assert len(asked) == 1  # a server that hangs lets each wait until its time is up


@pytest.fixture
def behind(working: None) -> None:
    """A database that lacks a migration of this code."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE name = '0003_functions'")


def test_a_database_behind_the_code_is_not_ready(client: Client, behind: None) -> None:
    found = parts(client, 503)

    assert found == READY | {"migrations": "some are not applied: run manage.py migrate"}
    assert health.missing_migrations() == ["segments.0003_functions"]


def test_a_broker_that_is_down_is_not_ready(
    client: Client, working: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listen("127.0.0.1", 0) as listener:
        nobody_there = f"redis://127.0.0.1:{port_of(listener)}/0"
    monkeypatch.setattr(Conf, "ORM", None)
    monkeypatch.setattr(Conf, "REDIS", nobody_there)

    found = parts(client, 503)

    assert found == READY | {"broker": "does not answer"}


@pytest.mark.parametrize("age", [None, 10_000])
def test_workers_without_a_sign_of_life_are_not_ready(client: Client, age: int | None) -> None:
    if age is not None:
        at = Now() - timedelta(seconds=age)
        Heartbeat.objects.create(name=heartbeats.worker(), at=at)

    found = parts(client, 503)

    assert "run_workers" in found.pop("workers")
    assert found.items() < READY.items()


def test_a_worker_that_is_long_at_its_work_is_ready(
    client: Client, document: Document, start: Start
) -> None:
    waiting = start(document, "question,answer\nx,y\n")
    assert parts(client, 503)["workers"] != "ready"

    assert IMPORT_JOBS.claim_preparing(waiting.pk)

    assert parts(client, 200) == READY

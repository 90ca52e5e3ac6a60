"""Replicas answer what only reads, and nobody is shown less than what they were told is there.

With a primary and a streaming replica of their own, the replica on a host of its own where
namespaces can be made.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from time import monotonic, sleep
from uuid import UUID, uuid4

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker

from config.database import replicas_from
from config.web import listen, port_of
from datasets.models import Dataset, Document, Tenant
from segments.db import positions, replicas
from segments.files.options import ImportOptions
from segments.models.import_job import ImportSource
from segments.operations.doctor.installation import ReplicasCheck
from segments.services import imports
from segments.services.api_keys import create_api_key
from tests.servers.network import CANNOT, Host, Network, can_make_hosts
from tests.servers.postgres import USER, Postgres

from .api_client import Api

ALIAS = "replica1"

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
WAIT_SECONDS = 20


class Pair:
    """The primary, which is `default`, and its replica, maybe on a host of its own."""

    def __init__(self, folder: Path, network: Network | None) -> None:
        self.host: Host | None = network.add("replica") if network else None
        with listen("127.0.0.1", 0) as free:
            port = port_of(free)
        self.primary = Postgres(folder / "primary", port)
        namespace = self.host.namespace if self.host else ""
        self.replica = Postgres(folder / "replica", port, "*", namespace)
        self.address = self.host.address if self.host else "127.0.0.1"

    def begin(self) -> None:
        """Fill the primary with the tables of the test database, and start its replica."""
        self.primary.create()
        self.primary.start()
        home = connection.settings_dict
        connection.ensure_connection()
        dump = self.primary.run(
            *("pg_dump", f"--host={home['HOST']}", f"--port={home['PORT']}", "--no-sync"),
            *(f"--username={home['USER']}", str(home["NAME"])),
        )
        self.primary.sql("CREATE DATABASE kb")
        (self.primary.folder / "dump.sql").write_text(dump)
        self.primary.run(
            *("psql", f"--host={self.primary.folder}", f"--port={self.primary.port}"),
            *(f"--username={USER}", "--dbname=kb", "--quiet", "--file=dump.sql"),
        )
        where = f"host={self.primary.folder} port={self.primary.port} user={USER}"
        self.replica.follow(where)
        self.replica.start()

    def entries(self) -> dict[str, dict[str, object]]:
        """The entries of DATABASES."""
        url = f"postgres://{USER}@{self.address}:{self.replica.port}/kb"
        primary = {"HOST": str(self.primary.folder), "PORT": str(self.primary.port), "NAME": "kb"}
        ours = connections.settings["default"]
        replica = replicas_from([url])[ALIAS]
        return {"default": {**deepcopy(ours), **primary}, ALIAS: {**deepcopy(ours), **replica}}

    def catch_up(self) -> None:
        """Wait until the replica has replayed all there is."""
        written, deadline = positions.written(), monotonic() + WAIT_SECONDS
        while not positions.has_replayed(connections[ALIAS], written):
            assert monotonic() < deadline, "the replica does not catch up"
            sleep(0.02)

    def read_by_replica(self) -> None:
        """Have its failures forgotten."""
        connections[ALIAS].close()
        replicas.forget_failures()
        self.catch_up()


@pytest.fixture(scope="module")
def pair(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Pair]:
    """`default` and `replica1` are servers of this module, with the middleware and the router."""
    folder = Path(tempfile.mkdtemp(prefix="smr", dir="/tmp"))
    folder.chmod(0o755)
    with ExitStack() as opened, django_db_blocker.unblock():
        opened.callback(shutil.rmtree, folder)
        network = Network() if can_make_hosts() else None
        if network:
            opened.callback(network.remove)
        pair = Pair(folder, network)
        for server in (pair.primary, pair.replica):
            opened.callback(server.stop)
        pair.begin()
        with _served_by(pair):
            yield pair


@contextmanager
def _served_by(pair: Pair) -> Iterator[None]:
    before = dict(connections.settings)
    ours = connections["default"]
    settings_before = ours.settings_dict
    ours.close()
    entries = pair.entries()
    entries["default"]["NAME"] = "kb"
    connections.settings.update(entries)
    ours.settings_dict = entries["default"]
    middleware = [*django_settings.MIDDLEWARE, "segments.middleware.ReplicaMiddleware"]
    changes = {
        "SEGMILL_REPLICAS": [ALIAS],
        "MIDDLEWARE": middleware,
        "DATABASE_ROUTERS": ["segments.db.replicas.ReplicaRouter"],
    }
    try:
        with override_settings(**changes):
            yield
    finally:
        connections[ALIAS].close()
        ours.close()
        ours.settings_dict = settings_before
        del connections[ALIAS]
        connections.settings.clear()
        connections.settings.update(before)


@pytest.fixture
def tenant(pair: Pair) -> Tenant:
    """A tenant with a replica that has all there is."""
    tenant = Tenant.objects.create(name=f"acme {uuid4()}")
    positions.note(None, None, "test")
    pair.read_by_replica()
    return tenant


@pytest.fixture
def document(tenant: Tenant) -> Document:
    """A document for full text."""
    dataset = Dataset.objects.create(tenant=tenant, name="a", indexing_technique="economy")
    return Document.objects.create(tenant=tenant, dataset=dataset, name="d", doc_form="text_model")


@pytest.fixture
def api(tenant: Tenant) -> Api:
    """The API with a key of the tenant."""
    return Api(create_api_key(tenant, "tests")[1])


def publish(document: Document, *contents: str) -> UUID:
    """Import rows in the foreground; returns the id of the import."""
    text = "\n".join(["content", *contents]).encode()
    job = imports.start_import(
        document,
        BytesIO(text),
        "rows.csv",
        source=ImportSource.COMMAND,
        options=ImportOptions.from_fields({}),
        background=False,
    )
    return imports.run_in_foreground(job).pk


def found(api: Api, document: Document, word: str) -> list[str]:
    """What a search for the word finds."""
    answer = api.post(f"datasets/{document.dataset_id}/retrieve", {"query": word})
    assert answer.status_code == 200, answer.json()
    return [record["segment"]["content"] for record in answer.json()["records"]]


@contextmanager
def asked(alias: str = ALIAS) -> Iterator[list[str]]:
    """The statements that read segments, or documents, from a server."""
    statements: list[str] = []
    with CaptureQueriesContext(connections[alias]) as captured:
        yield statements
    tables = ("segments_documentsegment", "datasets_document")
    statements += [
        query["sql"]
        for query in captured.captured_queries
        if any(t in query["sql"] for t in tables)
    ]


def test_searches_lists_and_states_are_read_from_the_replica(
    pair: Pair, document: Document, api: Api
) -> None:
    job_id = publish(document, "a red button")
    pair.catch_up()
    of_dataset = f"datasets/{document.dataset_id}"

    with asked() as here, asked("default") as there:
        assert found(api, document, "button") == ["a red button"]
        assert api.get(f"{of_dataset}/documents").json()["data"][0]["id"] == str(document.pk)
        export = api.get(f"{of_dataset}/documents/{document.pk}/segments/export")
        assert b"a red button" in b"".join(export.streaming_content)
        state = api.get(f"imports/{job_id}")
        assert state.status_code == 200, state.content
    assert len(here) >= 4
    assert not [each for each in there if "UPDATE" not in each]  # hits are counted


def test_what_was_published_is_found_while_the_replay_is_paused(
    pair: Pair, document: Document, api: Api
) -> None:
    publish(document, "first words")
    pair.catch_up()
    pair.replica.sql("SELECT pg_wal_replay_pause()")
    try:
        with asked() as here:
            assert found(api, document, "words") == ["first words"]
        assert here

        publish(document, "second words")
        with asked() as here:
            assert sorted(found(api, document, "words")) == ["first words", "second words"]
        assert not here
        (problem,) = _far_behind()
        assert "bytes" in problem
    finally:
        pair.replica.sql("SELECT pg_wal_replay_resume()")
    pair.catch_up()
    with asked() as here:
        assert len(found(api, document, "words")) == 2
    assert here


def _far_behind() -> list[str]:
    """What the doctor says of a replica that has been behind for long enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segments.operations.doctor.installation.FAR_BEHIND_SECONDS", -1)
        return [problem.text for problem in ReplicasCheck().look()]


def test_who_changes_something_reads_it_at_once(pair: Pair, document: Document, api: Api) -> None:
    of_dataset = f"datasets/{document.dataset_id}"
    pair.catch_up()
    pair.replica.sql("SELECT pg_wal_replay_pause()")
    try:
        named = api.patch(of_dataset, {"name": "renamed"})
        assert named.status_code == 200, named.json()
        assert api.get(of_dataset).json()["name"] == "renamed"
        made = api.post("datasets", {"name": "another"})
        names = {each["name"] for each in api.get("datasets").json()["data"]}
        assert made.status_code == 200
        assert {"renamed", "another"} <= names
    finally:
        pair.replica.sql("SELECT pg_wal_replay_resume()")


def test_a_replica_that_is_killed_costs_nothing_but_speed(
    pair: Pair, document: Document, api: Api
) -> None:
    publish(document, "words that last")
    pair.catch_up()
    assert found(api, document, "last") == ["words that last"]
    pair.replica.stop()
    try:
        assert found(api, document, "last") == ["words that last"]
        began = monotonic()
        assert found(api, document, "last") == ["words that last"]
        assert monotonic() - began < 1
        (problem,) = ReplicasCheck().look()
        assert problem.can_wait
        assert "does not answer" in problem.text
    finally:
        pair.replica.start()
    pair.read_by_replica()
    with asked() as here:
        assert found(api, document, "last") == ["words that last"]
    assert here


def test_an_export_goes_on_when_its_replica_is_killed_half_way(
    pair: Pair, document: Document, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segments.services.exports.ROWS_AT_A_TIME", 50)
    publish(document, *(f"row {number} {'x' * 2_000}" for number in range(300)))
    pair.catch_up()
    path = f"datasets/{document.dataset_id}/documents/{document.pk}/segments/export"
    whole = b"".join(api.get(path).streaming_content)

    answer = api.get(path)
    portions = iter(answer.streaming_content)
    sent = next(portions)
    pair.replica.stop()
    try:
        sent += b"".join(portions)
    finally:
        pair.replica.start()
        pair.read_by_replica()
    assert sent == whole


def test_a_replica_that_is_cut_off_costs_nothing_but_speed(
    pair: Pair, document: Document, api: Api
) -> None:
    if pair.host is None:
        pytest.skip(CANNOT)
    publish(document, "words that stay")
    pair.catch_up()
    assert found(api, document, "stay") == ["words that stay"]
    pair.host.cut_off()
    try:
        began = monotonic()
        assert found(api, document, "stay") == ["words that stay"]
        assert monotonic() - began < 8
        began = monotonic()
        assert found(api, document, "stay") == ["words that stay"]
        assert monotonic() - began < 1
    finally:
        pair.host.reconnect()
    pair.read_by_replica()


def test_a_server_that_is_no_replica_is_passed_over(
    pair: Pair, document: Document, api: Api
) -> None:
    publish(document, "words of the primary")
    replica, primary = connections[ALIAS], connections["default"].settings_dict
    before = replica.settings_dict
    replica.close()
    replica.settings_dict = {**before, **{name: primary[name] for name in ("HOST", "PORT")}}
    try:
        with asked() as here:
            assert found(api, document, "primary") == ["words of the primary"]
        assert not here
        (problem,) = ReplicasCheck().look()
        assert "not a replica" in problem.text
    finally:
        replica.close()
        replica.settings_dict = before


def test_a_publish_whose_process_died_before_its_position_was_known_is_not_missed(
    pair: Pair, document: Document, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.catch_up()
    pair.replica.sql("SELECT pg_wal_replay_pause()")
    try:
        with monkeypatch.context() as patch:
            patch.setattr(positions, "CLOSE", "SELECT %s")
            publish(document, "words without a position")
        assert found(api, document, "position") == ["words without a position"]
        positions.settle()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM segments_walposition WHERE position IS NULL")
            assert cursor.fetchone() == (0,)
        assert found(api, document, "position") == ["words without a position"]
    finally:
        pair.replica.sql("SELECT pg_wal_replay_resume()")


def test_old_positions_become_one(pair: Pair, tenant: Tenant) -> None:
    for _ in range(3):
        positions.note(tenant.pk, None, "test")
    last = positions.needed(tenant.pk, None)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE segments_walposition SET at = now() - interval '1 hour'")
        positions.settle()
        cursor.execute("SELECT origin, position::text FROM segments_walposition")
        rows = cursor.fetchall()
    assert len(rows) == 1
    assert rows[0][0] == "folded"
    assert positions.needed(tenant.pk, None) == rows[0][1]
    assert tuple(int(part, 16) for part in rows[0][1].split("/")) >= tuple(
        int(part, 16) for part in last.split("/")
    )

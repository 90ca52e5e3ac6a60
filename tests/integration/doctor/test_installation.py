"""Versions, settings, database, migrations, broker, cache, credentials, heartbeats."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache.backends.dummy import DummyCache
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule
from django_redis.cache import RedisCache
from pytest_django import Settings

from config import env
from config.env import EnvProblem
from config.web import listen, port_of
from datasets.models import Tenant
from segments.embedding.credentials import decrypt, encrypt
from segments.jobs import heartbeats
from segments.models import Heartbeat, ModelProvider
from segments.operations import doctor
from segments.operations.doctor import installation
from segments.operations.doctor.data import CredentialsCheck
from segments.operations.doctor.installation import (
    BrokerCheck,
    CacheCheck,
    DatabaseCheck,
    MigrationsCheck,
    SettingsCheck,
    VersionsCheck,
)
from segments.operations.doctor.work import HeartbeatsCheck

from .conftest import look, mend, texts

pytestmark = pytest.mark.django_db


def test_this_installation_has_what_it_requires() -> None:
    found = look(VersionsCheck)

    assert found.is_well, texts(found)
    assert "packages as required" in found.summary


def test_a_package_of_another_version_or_none(
    tmp_path: Path, settings: Settings, request: pytest.FixtureRequest
) -> None:
    wanted = "# what for\nDjango~=4.2  # the framework\nno-such-package==1.0\n-r other.txt\n"
    (tmp_path / "requirements.txt").write_text(wanted)
    settings.BASE_DIR = tmp_path
    installation.requirements.cache_clear()
    request.addfinalizer(installation.requirements.cache_clear)

    found = look(VersionsCheck)

    assert not found.is_well
    assert "The package Django is 5." in texts(found)
    assert "The package no-such-package is not installed." in texts(found)
    assert "pip install -r requirements.txt" in texts(found)


def test_a_setting_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(SettingsCheck).is_well

    monkeypatch.setattr(env, "PROBLEMS", [EnvProblem("SEGMILL_X", "y", "a number")])

    assert "SEGMILL_X is “y”" in texts(look(SettingsCheck))


def test_the_server_and_its_pgvector(monkeypatch: pytest.MonkeyPatch) -> None:
    found = look(DatabaseCheck)
    assert found.is_well
    assert found.summary.startswith("PostgreSQL 1")

    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_extension SET extversion = '0.5.1' WHERE extname = 'vector'")
    found = look(DatabaseCheck)
    assert "still uses pgvector 0.5.1" in texts(found)
    assert "ALTER EXTENSION vector UPDATE" in texts(found)


def test_a_database_behind_the_code() -> None:
    assert look(MigrationsCheck).is_well

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE name = '0003_functions'")

    assert "segments.0003_functions" in texts(look(MigrationsCheck))


def test_a_queue_that_nobody_empties(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "0 messages" in look(BrokerCheck).summary

    monkeypatch.setattr(installation, "MANY_MESSAGES", 1)
    for _ in range(2):
        OrmQ.objects.create(key=Conf.CLUSTER_NAME, payload="", lock=Now())
    found = look(BrokerCheck)

    assert "2 messages wait" in texts(found)
    assert found.is_well, "a long queue is no fault"


def test_a_broker_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as listener:
        monkeypatch.setattr(Conf, "REDIS", f"redis://127.0.0.1:{port_of(listener)}/0")
    monkeypatch.setattr(Conf, "ORM", None)

    found = look(BrokerCheck)

    assert not found.is_well
    assert "It does not answer" in texts(found)
    assert "Check REDIS_URL" in texts(found)


def test_a_cache_that_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(CacheCheck).is_well

    monkeypatch.setattr(installation, "cache", DummyCache("", {}))

    assert "could not be read back" in texts(look(CacheCheck))


def test_a_cache_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as listener:
        url = f"redis://127.0.0.1:{port_of(listener)}/1"
    monkeypatch.setattr(installation, "cache", RedisCache(url, {}))

    found = look(CacheCheck)

    assert not found.is_well
    assert "It does not answer" in texts(found)


@pytest.fixture
def provider(db: None, settings: Settings) -> ModelProvider:
    """A tenant's endpoint, its key encrypted with the key “old”."""
    settings.SEGMILL_CREDENTIALS_KEY = ["old"]
    tenant = Tenant.objects.create(name="acme")
    return ModelProvider.objects.create(
        tenant=tenant, name="ours", base_url="https://m.example/v1", credentials=encrypt("sk-1")
    )


def test_keys_are_encrypted_anew_after_a_rotation(
    provider: ModelProvider, settings: Settings
) -> None:
    assert look(CredentialsCheck).summary == "1 provider key can be read"

    settings.SEGMILL_CREDENTIALS_KEY = ["new", "old"]
    found = look(CredentialsCheck)
    assert "encrypted with an older key" in texts(found)
    assert found.is_well

    assert mend(CredentialsCheck).problems == []
    settings.SEGMILL_CREDENTIALS_KEY = ["new"]
    provider.refresh_from_db()
    assert decrypt(provider.credentials).reveal() == "sk-1"
    assert look(CredentialsCheck).problems == []


def test_a_key_that_nothing_reads_any_more(provider: ModelProvider, settings: Settings) -> None:
    settings.SEGMILL_CREDENTIALS_KEY = ["new"]

    found = mend(CredentialsCheck)

    assert not found.is_well
    assert "can no longer be read" in texts(found)
    assert provider.credentials == ModelProvider.objects.get().credentials


def test_a_schedule_that_was_removed() -> None:
    heartbeats.beat(heartbeats.worker())
    heartbeats.beat(heartbeats.REAPER)
    assert look(HeartbeatsCheck).is_well

    Schedule.objects.all().delete()
    assert "not scheduled in the queue" in texts(look(HeartbeatsCheck))

    found = mend(HeartbeatsCheck)
    assert found.repaired == ["The reaper is scheduled again."]
    assert found.is_well
    assert look(HeartbeatsCheck).is_well


def test_signs_of_life() -> None:
    found = look(HeartbeatsCheck)
    assert "No worker has reported yet" in texts(found)
    assert "The reaper has not run yet" in texts(found)

    long_ago = Now() - timedelta(seconds=10_000)
    Heartbeat.objects.create(name=heartbeats.worker(), at=long_ago)
    Heartbeat.objects.create(name=heartbeats.REAPER, at=long_ago)
    assert "for 10,000 s" in texts(look(HeartbeatsCheck))

    heartbeats.beat(heartbeats.worker())
    heartbeats.beat(heartbeats.REAPER)
    assert look(HeartbeatsCheck).is_well


def test_a_check_that_falls_over_is_a_finding_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost() -> list[str]:
        raise KeyError("a storage of another kind")

    monkeypatch.setattr("segments.operations.doctor.data.stored_keys", lost)

    found = {finding.check: finding for finding in doctor.repair()}

    assert "a storage of another kind" in texts(found["files"])
    assert found["versions"].is_well


@pytest.mark.django_db(transaction=True)
def test_without_a_database_the_rest_is_looked_at_all_the_same() -> None:
    def lost(*statement: object) -> None:
        raise OperationalError("connection refused")

    with connection.execute_wrapper(lost):
        found = {finding.check: finding for finding in doctor.examine()}

    assert found["versions"].is_well
    assert found["cache"].is_well
    assert "connection refused" in texts(found["database"])
    assert texts(found["document totals"]).startswith("Not checked.")


def test_tables_that_are_not_there_are_not_looked_at() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE name = '0003_functions'")

    found = {finding.check: finding for finding in doctor.repair()}

    assert "0003_functions" in texts(found["migrations"])
    for check in ("credentials", "stuck work", "leftovers", "document totals", "files"):
        assert texts(found[check]).startswith("Not checked."), check

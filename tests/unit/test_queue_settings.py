"""Queue and cache: where they are, and which settings are refused."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django_q.conf import Conf

from config import env
from config.queue import cache_from, cluster_from, neighbour, with_timeouts
from segments.checks.values import queue_problems, redis_database

HOME = Path("/home-of-nobody")
FILES = cache_from("", HOME)


def cluster(broker_url: str = "", **changes: Any) -> dict[str, Any]:
    return cluster_from(broker_url, workers=2, timeout=3600, max_rss_kib=1 << 20) | changes


def problems(queue: dict[str, Any], cache: dict[str, Any]) -> list[str]:
    return [str(problem.id) for problem in queue_problems(queue, cache)]


@pytest.mark.parametrize("url", ["", "redis://localhost:6379/0", "unix:///run/redis.sock?db=3"])
def test_what_segmill_sets_is_accepted(url: str) -> None:
    assert problems(cluster(url), cache_from(neighbour(url) if url else "", HOME)) == []


@pytest.mark.parametrize(
    ("queue", "cache", "problem"),
    [
        # A message that comes back while its task runs: the work is done twice.
        (cluster(retry=3600), FILES, "segments.E002"),
        (cluster(retry=3603), FILES, "segments.E002"),
        (cluster(timeout=None), FILES, "segments.E002"),
        # Steps that never meet zero: a hung worker lives for ever.
        (cluster(guard_cycle=0.3), FILES, "segments.E003"),
        (cluster(guard_cycle=0.1), FILES, "segments.E003"),
        (cluster(guard_cycle=0), FILES, "segments.E003"),
        # Workers' writes that the web never sees.
        (cluster(), {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}, "segments.E004"),
        (cluster(), {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}, "segments.E004"),
        # cache.clear() would empty the queue.
        (cluster("redis://h/2"), cache_from("redis://h:6379/2", HOME), "segments.E005"),
        (cluster("redis://h"), cache_from("redis://h/0", HOME), "segments.E005"),
        (
            cluster(redis={"host": "h", "db": 1}),
            {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": ["redis://h/1"]},
            "segments.E005",
        ),
        (cluster(orm="queue"), FILES, "segments.E006"),
    ],
)
def test_settings_that_lose_or_repeat_work_are_refused(
    queue: dict[str, Any], cache: dict[str, Any], problem: str
) -> None:
    assert problems(queue, cache) == [problem]


def test_a_cache_in_redis_hands_back_json_only() -> None:
    assert "JSONSerializer" in cache_from("redis://h/1", HOME)["OPTIONS"]["SERIALIZER"]


@pytest.mark.parametrize(
    ("url", "server", "number"),
    [
        ("redis://h", "h:6379", 0),
        ("redis://:secret@h:7000/4", "h:7000", 4),
        ("unix:///run/redis.sock", "/run/redis.sock", 0),
        ("unix:///run/redis.sock?db=2", "/run/redis.sock", 2),
    ],
)
def test_an_address_names_a_server_and_a_database(url: str, server: str, number: int) -> None:
    assert redis_database(url) == (server, number)


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("redis://h", "redis://h/1"),
        ("redis://:secret@h:7000/4?x=1", "redis://:secret@h:7000/5?x=1"),
        ("redis://h/15", "redis://h/14"),
        ("unix:///run/redis.sock?db=2", "unix:///run/redis.sock?db=3"),
    ],
)
def test_the_cache_is_in_the_neighbouring_database(url: str, other: str) -> None:
    assert neighbour(url) == other


def test_a_limit_that_an_address_sets_itself_stays() -> None:
    assert with_timeouts("redis://h/1?socket_timeout=2") == (
        "redis://h/1?socket_timeout=2&socket_connect_timeout=3"
    )


@pytest.mark.parametrize("value", ["localhost:6379", "http://h/0", "redis://h/first"])
def test_an_address_that_is_none_is_reported(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env, "PROBLEMS", [])
    monkeypatch.setenv("REDIS_URL", value)

    assert env.redis_url("REDIS_URL") == ""
    assert [problem.name for problem in env.PROBLEMS] == ["REDIS_URL"]


def test_the_queue_is_not_in_the_admin() -> None:
    assert not [model for model in admin.site._registry if model._meta.app_label == "django_q"]


def test_the_queue_runs_on_what_is_set() -> None:
    assert (Conf.ORM, Conf.BULK, Conf.SAVE_LIMIT) == ("default", 1, -1)
    assert Conf.RETRY > Conf.TIMEOUT
    assert Conf.ACK_FAILURES is True

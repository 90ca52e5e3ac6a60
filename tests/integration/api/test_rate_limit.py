"""How many requests a minute a key may make."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from pytest_django import Settings
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from datasets.models import Tenant
from segments.api.throttling import KeyThrottle, TooManyRequests
from segments.models import ApiKey
from segments.services.api_keys import create_api_key

from ..api_client import Api

pytestmark = pytest.mark.django_db(transaction=True)
PROJECT = Path(__file__).parents[3]


@pytest.fixture
def few(settings: Settings) -> int:
    """Three requests a minute."""
    settings.SEGMILL_API_REQUESTS_PER_MINUTE = 3
    return 3


def let_pass(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Move the clock of the throttle."""
    now = time.time() + seconds
    monkeypatch.setattr(KeyThrottle, "timer", staticmethod(lambda: now))


def wait_of(key: ApiKey) -> int:
    """0 if the key may make a request, which is counted; else when to ask again."""
    request = Request(APIRequestFactory().get("/"))
    request.auth = key
    try:
        KeyThrottle().allow_request(request, APIView())
    except TooManyRequests as refusal:
        return refusal.wait
    return 0


def counted(key: ApiKey) -> list[float]:
    """When the key made the requests that are counted."""
    kept: list[float] = cache.get(f"throttle_key_{key.pk}", [])
    return kept


def test_what_is_too_much_is_refused_with_when_to_ask_again(
    few: int, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [api.get("datasets") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]

    refusal = answers[-1]
    wait = int(refusal["Retry-After"])
    assert 50 < wait <= 60
    assert refusal.json() == {
        "code": "too_many_requests",
        "message": f"This key may make 3 requests a minute. Try again in {wait} seconds.",
        "status": 429,
    }

    let_pass(wait, monkeypatch)
    assert api.get("datasets").status_code == 200


def test_who_waits_as_told_may_go_on(few: int, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.get("datasets")
    let_pass(30, monkeypatch)
    for _ in range(2):
        api.get("datasets")
    let_pass(58, monkeypatch)
    assert api.get("datasets")["Retry-After"] in ("1", "2")

    let_pass(60, monkeypatch)
    assert [api.get("datasets").status_code for _ in range(2)] == [200, 429]


def test_refusals_are_not_counted(few: int, api: Api) -> None:
    for _ in range(3):
        api.get("datasets")
    (key,) = ApiKey.objects.all()
    before = counted(key)
    assert api.get("datasets").status_code == 429

    assert counted(key) == before
    assert len(before) == 3


def test_each_key_has_its_own(few: int, api: Api, tenant: Tenant) -> None:
    for _ in range(4):
        last = api.get("datasets")
    assert last.status_code == 429

    assert Api(create_api_key(tenant, "another")[1]).get("datasets").status_code == 200


def test_threads_that_ask_at_the_same_time_count_exactly(
    tenant: Tenant, settings: Settings
) -> None:
    settings.SEGMILL_API_REQUESTS_PER_MINUTE = 10
    key, _ = create_api_key(tenant, "shared")

    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(wait_of, [key] * 40))

    assert waits.count(0) == 10
    assert len(counted(key)) == 10


ASK = """
import json, sys
import django
django.setup()
from segments.models import ApiKey
from tests.integration.api.test_rate_limit import wait_of
key = ApiKey(pk=sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps([wait_of(key) for _ in range(100)].count(0)), flush=True)
"""


def test_processes_count_together_but_for_what_they_take_at_the_same_moment(
    tenant: Tenant,
) -> None:
    """Never fewer than the key may make, and at most that many times the processes."""
    key, _ = create_api_key(tenant, "shared")
    command = [sys.executable, "-c", ASK, str(key.pk)]
    environment = os.environ | {"SEGMILL_API_REQUESTS_PER_MINUTE": "50"}
    asking = [
        subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for process in asking:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    allowed = [json.loads(process.communicate("go\n")[0]) for process in asking]

    assert 50 <= sum(allowed) <= 3 * 50
    assert len(counted(key)) == 50


def test_a_request_a_minute(tenant: Tenant, settings: Settings) -> None:
    settings.SEGMILL_API_REQUESTS_PER_MINUTE = 1
    key, _ = create_api_key(tenant, "slow")

    assert wait_of(key) == 0
    assert 55 <= wait_of(key) <= 60


def test_without_a_limit_nothing_is_counted(api: Api) -> None:
    assert api.get("datasets").status_code == 200

    assert counted(ApiKey.objects.get()) == []


def test_while_the_cache_is_away_requests_go_on(
    few: int, api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise ConnectionError("nobody there")

    monkeypatch.setattr(KeyThrottle, "cache", SimpleNamespace(get=away))

    assert [api.get("datasets").status_code for _ in range(5)] == [200] * 5
    assert "requests are not counted: the cache does not answer: nobody there" in caplog.text


def test_who_shows_no_key_is_told_so_and_not_counted(few: int) -> None:
    answers = [Api("dataset-unknown").get("datasets").status_code for _ in range(5)]

    assert answers == [401] * 5


def test_every_answer_says_what_is_left(few: int, api: Api) -> None:
    answers = [api.get("datasets") for _ in range(4)]

    assert [int(answer["X-RateLimit-Limit"]) for answer in answers] == [3] * 4
    assert [int(answer["X-RateLimit-Remaining"]) for answer in answers] == [2, 1, 0, 0]
    assert all(0 < int(answer["X-RateLimit-Reset"]) <= 60 for answer in answers)
    assert answers[3].status_code == 429
    assert answers[3]["X-RateLimit-Reset"] == answers[3]["Retry-After"]


def test_without_a_limit_nothing_is_said_of_one(api: Api) -> None:
    assert "X-RateLimit-Limit" not in api.get("datasets")

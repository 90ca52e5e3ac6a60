"""How many requests a minute a key may make."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from datasets.models import Tenant
from segments.api.throttling import seconds_to_wait
from segments.models import ApiKeyRate
from segments.services.api_keys import create_api_key

from ..api_client import Api

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def few(settings: Settings) -> int:
    """Six requests a minute, three of them at once; the other three twenty seconds apart."""
    settings.SEGMILL_API_REQUESTS_PER_MINUTE = 6
    return 6


def used(seconds: float) -> None:
    """All that any key has used comes back in so many seconds."""
    ApiKeyRate.objects.update(spent_until=Now() + timedelta(seconds=seconds))


def test_what_is_too_much_is_refused_with_when_to_ask_again(few: int, api: Api) -> None:
    answers = [api.get("datasets") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]

    refusal = answers[-1]
    wait = int(refusal["Retry-After"])
    assert 0 < wait <= 20
    assert refusal.json() == {
        "code": "too_many_requests",
        "message": f"This key may make 6 requests a minute. Try again in {wait} seconds.",
        "status": 429,
    }

    used(seconds=60 - wait)
    assert api.get("datasets").status_code == 200


def test_who_waits_as_told_may_go_on(few: int, api: Api) -> None:
    for _ in range(3):
        api.get("datasets")
    used(seconds=40.5)
    assert api.get("datasets")["Retry-After"] == "1"

    used(seconds=39.5)
    assert api.get("datasets").status_code == 200


def test_refusals_are_not_counted(few: int, api: Api) -> None:
    for _ in range(3):
        api.get("datasets")
    before = ApiKeyRate.objects.get().spent_until
    assert api.get("datasets").status_code == 429

    assert ApiKeyRate.objects.get().spent_until == before


def test_each_key_has_its_own(few: int, api: Api, tenant: Tenant) -> None:
    for _ in range(4):
        last = api.get("datasets")
    assert last.status_code == 429

    assert Api(create_api_key(tenant, "another")[1]).get("datasets").status_code == 200


def test_processes_that_ask_at_the_same_time_count_together(tenant: Tenant) -> None:
    key, _ = create_api_key(tenant, "shared")

    def ask(number: int) -> int:
        try:
            return seconds_to_wait(key.pk, per_minute=20)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(ask, range(40)))

    # One more if the forty took longer than six seconds.
    assert 10 <= waits.count(0) <= 12


def test_a_request_a_minute(tenant: Tenant) -> None:
    key, _ = create_api_key(tenant, "slow")

    assert seconds_to_wait(key.pk, per_minute=1) == 0
    assert 55 <= seconds_to_wait(key.pk, per_minute=1) <= 60


def test_without_a_limit_nothing_is_counted(api: Api) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert api.get("datasets").status_code == 200

    assert not any("apikeyrate" in query["sql"] for query in queries)
    assert not ApiKeyRate.objects.exists()


def test_who_shows_no_key_is_told_so_and_not_counted(few: int) -> None:
    answers = [Api("dataset-unknown").get("datasets").status_code for _ in range(5)]

    assert answers == [401] * 5

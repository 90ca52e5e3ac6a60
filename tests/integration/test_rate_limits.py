"""The budget that all workers share: never passed, used up fully, fair between tenants."""

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from uuid import UUID, uuid4

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections
from pytest_django import Settings

from segments.embedding.base import ModelSettings
from segments.embedding.credentials import Secret
from segments.embedding.rate_limits import SharedBudget, Wait, budget_key, draw
from segments.models import EmbeddingBudget, EmbeddingCall

pytestmark = pytest.mark.django_db(transaction=True)

PROJECT = Path(__file__).resolve().parents[2]
MODEL = ModelSettings(provider="p", kind="openai", model="m", calls=2)
ACME, BETA = uuid4(), uuid4()

# Draws from the budget as fast as it may for so many seconds; prints when it was granted.
DRAWER = """
import json, sys, time, django
from django.conf import settings
name, tenant, seconds, tokens, options = sys.argv[1:]
settings.DATABASES["default"]["NAME"] = name
django.setup()
from uuid import UUID
from segments.embedding.base import ModelSettings
from segments.embedding.rate_limits import SharedBudget, Wait
budget = SharedBudget(ModelSettings(**json.loads(options)), UUID(tenant))
ends, granted = time.time() + float(seconds), []
while time.time() < ends:
    right = budget.take(int(tokens))
    if isinstance(right, Wait):
        time.sleep(right.seconds)
    else:
        granted.append(time.time())
        budget.give_back(right, 0, 0)
print(json.dumps(granted))
"""


def start_drawing(
    tenant: UUID, seconds: float, tokens: int, model: ModelSettings
) -> subprocess.Popen[str]:
    options = {
        "provider": model.provider,
        "kind": model.kind,
        "model": model.model,
        "calls": model.calls,
        "requests_per_minute": model.requests_per_minute,
        "tokens_per_minute": model.tokens_per_minute,
    }
    name = connection.settings_dict["NAME"]
    command = [sys.executable, "-c", DRAWER, str(name), str(tenant), str(seconds), str(tokens)]
    return subprocess.Popen(
        [*command, json.dumps(options)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        env={
            "SEGMILL_HOME": str(django_settings.SEGMILL_HOME),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        },
    )


def granted_to(process: subprocess.Popen[str]) -> list[float]:
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    granted: list[float] = json.loads(output)
    return granted


def most_in(seconds: float, times: list[float]) -> int:
    """The most of `times` in any span of so many seconds."""
    return max(sum(first <= at < first + seconds for at in times) for first in times)


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        (replace(MODEL, requests_per_minute=600), 1),
        (replace(MODEL, tokens_per_minute=60_000), 100),
    ],
    ids=["requests", "tokens"],
)
def test_two_processes_use_up_the_budget_and_never_pass_it(
    model: ModelSettings, tokens: int
) -> None:
    drawing = [start_drawing(ACME, 5, tokens, model) for _ in range(2)]
    by_process = [granted_to(process) for process in drawing]

    times = sorted(at for granted in by_process for at in granted)
    a_minute = 600
    bucket, rate = a_minute / 20, (a_minute - a_minute / 20) / 60
    for seconds in (1, 2, 4):
        assert most_in(seconds, times) <= bucket + rate * seconds + 1
    assert len(times) >= 0.9 * rate * (times[-1] - times[0])
    assert all(by_process), "both had something of it"


def test_bucket_and_flow_together_never_give_more_than_a_minutes_limit() -> None:
    for limit in (1, 2, 7, 60, 3_000):
        bucket = max(limit / 20, 1)
        rate = max(limit - bucket, limit / 2) / 60
        assert int(bucket + rate * 60) <= max(limit, 1)


def test_no_more_requests_are_under_way_than_the_model_allows() -> None:
    budget = SharedBudget(MODEL, ACME)
    first, second = budget.take(1), budget.take(1)
    assert isinstance(first, UUID)
    assert isinstance(second, UUID)
    assert isinstance(budget.take(1), Wait)

    budget.give_back(first, 1, 1)
    assert isinstance(budget.take(1), UUID)


def test_a_lost_worker_gives_its_place_back_in_the_end(settings: Settings) -> None:
    budget = SharedBudget(replace(MODEL, calls=1), ACME)
    assert isinstance(budget.take(1), UUID)
    assert isinstance(budget.take(1), Wait)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE segments_embeddingcall SET until = clock_timestamp()")
    assert isinstance(budget.take(1), UUID)
    assert EmbeddingCall.objects.count() == 1


def test_a_place_is_kept_as_long_as_its_worker_gives_signs_of_life(settings: Settings) -> None:
    settings.SEGMILL_LEASE_SECONDS = 3
    budget = SharedBudget(replace(MODEL, calls=1), ACME)
    call = budget.take(1)
    assert isinstance(call, UUID)
    until = EmbeddingCall.objects.get().until

    settings.SEGMILL_LEASE_SECONDS = 60
    budget.keep([call])

    assert EmbeddingCall.objects.get().until >= until + timedelta(seconds=55)


def test_a_tenants_own_cap_counts_over_all_models(settings: Settings) -> None:
    settings.SEGMILL_TENANT_CALLS = 1
    one, other = SharedBudget(MODEL, ACME), SharedBudget(replace(MODEL, model="other"), ACME)
    assert isinstance(one.take(1), UUID)
    assert isinstance(other.take(1), Wait)
    assert isinstance(SharedBudget(MODEL, BETA).take(1), UUID), "it keeps nobody else waiting"


def test_a_quiet_endpoint_is_quiet_for_everybody() -> None:
    SharedBudget(MODEL, ACME).take(1)
    SharedBudget(MODEL, ACME).be_quiet(30)
    right = SharedBudget(MODEL, BETA).take(1)
    assert isinstance(right, Wait)
    assert right.seconds == pytest.approx(30, abs=5)
    SharedBudget(MODEL, ACME).be_quiet(1)
    right = SharedBudget(MODEL, ACME).take(1)
    assert isinstance(right, Wait)
    assert right.seconds > 20, "the longest wish counts"


def test_what_was_used_beside_it_is_counted() -> None:
    model = replace(MODEL, tokens_per_minute=6_000)
    budget = SharedBudget(model, ACME)
    call = budget.take(100)
    assert isinstance(call, UUID)
    budget.give_back(call, estimated=100, billed=400)
    draw(model, requests=1, tokens=1_000)
    left = EmbeddingBudget.objects.get(pk=budget_key(model)).tokens
    assert left == pytest.approx(300 - 400 - 1_000)
    wait = budget.take(100)
    assert isinstance(wait, Wait)
    assert wait.seconds > 10


def test_another_key_is_another_account() -> None:
    keys = {
        budget_key(replace(MODEL, api_key=Secret("a"))),
        budget_key(replace(MODEL, api_key=Secret("b"))),
        budget_key(replace(MODEL, model="n")),
        budget_key(replace(MODEL, base_url="http://elsewhere")),
    }
    assert len(keys) == 4


class Greedy:
    """A tenant's work: always as many requests as it can get, each `seconds` long."""

    def __init__(self, tenant: UUID, seconds: float, model: ModelSettings = MODEL) -> None:
        self.budget, self.seconds = SharedBudget(model, tenant), seconds
        self.granted: list[float] = []

    def work_until(self, ends: float) -> None:
        try:
            while monotonic() < ends:
                right = self.budget.take(10)
                if isinstance(right, Wait):
                    sleep(right.seconds)
                    continue
                self.granted.append(monotonic())
                sleep(self.seconds)
                self.budget.give_back(right, 10, 10)
        finally:
            connections.close_all()


def test_a_tenant_with_much_work_does_not_starve_one_with_little() -> None:
    """Eight hands of one tenant and one of another reach for two places."""
    ends = monotonic() + 4
    workers = [Greedy(ACME, 0.1) for _ in range(8)] + [Greedy(BETA, 0.1)]
    with ThreadPoolExecutor(len(workers)) as pool:
        for done in [pool.submit(worker.work_until, ends) for worker in workers]:
            done.result()

    had = Counter[UUID]()
    for worker in workers:
        had[worker.budget.tenant_id] += len(worker.granted)
    # One hand can hold one of two places: it should get nearly half, not a ninth.
    assert had[BETA] >= 0.3 * had.total()


def test_who_comes_late_is_not_owed_the_past() -> None:
    early, late = SharedBudget(MODEL, ACME), SharedBudget(MODEL, BETA)
    for _ in range(50):
        call = early.take(1_000)
        assert isinstance(call, UUID)
        early.give_back(call, 1_000, 1_000)
    held = [early.take(10), early.take(10)]
    assert isinstance(late.take(10), Wait)

    for right in held:
        assert isinstance(right, UUID)
        early.give_back(right, 10, 10)
    # Level at first; whoever goes, the other goes next although a place is free.
    assert isinstance(early.take(10), UUID)
    assert isinstance(early.take(10), Wait)
    assert isinstance(late.take(10), UUID)

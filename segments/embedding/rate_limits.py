"""Rate limits of an endpoint: the shared budget, back-off, and rate-limit headers.

By hand: limiters on the index (limits, pyrate-limiter) count one thing, in one process or in Redis;
this takes requests, tokens and requests in flight, of a model and of its tenant, in one statement.
"""

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from math import isfinite
from time import monotonic, sleep
from typing import Any, Protocol, TypeVar
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils.crypto import salted_hmac

from segments.embedding.base import ModelSettings
from segments.exceptions import EndpointFailed, RateLimited
from segments.jobs.leases import worker_name
from segments.models import EmbeddingBudget

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0


def pause_after(failures: int, wanted: float | None = None) -> float:
    """Seconds to wait after that many failures in a row, at least `wanted`.

    Half of it is random, so that workers that failed together do not retry together.
    """
    longest = min(FIRST_PAUSE_SECONDS * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS)
    chosen = random.uniform(longest / 2, longest)  # noqa: S311  (not a secret)
    return max(chosen, wanted or 0.0)


def ask_with_backoff(ask: Callable[[], T], attempts: int, seconds: float) -> T:
    """The answer of `ask`, tried at most `attempts` times within `seconds`.

    Raises:
        EmbeddingFailed: from the last try.
    """
    ends = monotonic() + seconds
    failures = 0
    while True:
        try:
            return ask()
        except (RateLimited, EndpointFailed) as trouble:
            failures += 1
            pause = pause_after(failures, trouble.retry_after)
            if failures >= attempts or monotonic() + pause > ends:
                raise
            sleep(pause)


# As in `x-ratelimit-reset-tokens: 6m0s` and `120ms`.
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def retry_after(headers: Any) -> float | None:
    """The seconds a server asks for: `retry-after-ms`, or `retry-after` (RFC 9110, 10.2.3)."""
    for name, read in (("retry-after-ms", _milliseconds), ("retry-after", _seconds_or_date)):
        try:
            seconds = read(headers[name])
        except (KeyError, ValueError):
            continue
        if isfinite(seconds):
            return max(seconds, 0.0)
    return None


def _milliseconds(value: str) -> float:
    return float(value) / 1000


def _seconds_or_date(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return parsedate_to_datetime(value).timestamp() - time.time()


def wanted_pause(headers: Any) -> float:
    """Seconds until an exhausted limit is reset, from the rate-limit headers; 0 if none is."""
    pauses = [
        duration(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
    ]
    return max(pauses, default=0.0)


def duration(text: str) -> float:
    """Seconds of a duration like `6m0s` or `120ms`; 0 for any other text."""
    return sum(float(number) * UNIT_SECONDS[unit] for number, unit in DURATION.findall(text))


# Not waiting for the disk keeps the endpoint busy; a crash of the database server forgets at most
# the requests of its last half second.
AT_ONCE = "set_config('synchronous_commit', 'off', true)"
TAKE = f"""
    SELECT segments_take_budget(
        %(key)s, %(tenant)s, %(call)s, %(tokens)s, %(requests_per_minute)s,
        %(tokens_per_minute)s, %(calls)s, %(tenant_calls)s, make_interval(secs => %(seconds)s),
        %(holder)s)
    FROM {AT_ONCE}
"""
KEEP = f"""
    UPDATE segments_embeddingcall SET until = clock_timestamp() + make_interval(secs => %(seconds)s)
    FROM {AT_ONCE} WHERE id = ANY(%(calls)s)
"""
GIVE_BACK = f"DELETE FROM segments_embeddingcall USING {AT_ONCE} WHERE id = %(call)s"
QUIET = """
    UPDATE segments_embeddingbudget SET quiet_until =
        greatest(quiet_until, clock_timestamp() + make_interval(secs => %(seconds)s))
    WHERE key = %(key)s
"""
SECONDS_TO_NEXT_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now: ask again after `seconds`."""

    seconds: float


class Budget(Protocol):
    """Decides when a request may be sent."""

    def take(self, tokens: int) -> UUID | Wait:
        """The id of a call that may be sent now, or how long to wait before asking again."""
        ...

    def keep(self, calls: Sequence[UUID]) -> None:
        """Renew requests in flight; one that is not renewed for a lease's length is given up."""
        ...

    def give_back(self, call: UUID, estimated: int, billed: int) -> None:
        """The request has ended; correct the estimate of its tokens by what was billed."""
        ...

    def be_quiet(self, seconds: float) -> None:
        """No worker sends a request for `seconds`."""
        ...


@dataclass(frozen=True, slots=True)
class SharedBudget:
    """A model's budget, shared by all workers, as one tenant draws from it."""

    model: ModelSettings
    tenant_id: UUID

    def take(self, tokens: int) -> UUID | Wait:
        """The id of a call that may be sent now, or how long to wait before asking again."""
        call = uuid4()
        with connection.cursor() as cursor:
            cursor.execute(
                TAKE,
                {
                    "key": budget_key(self.model),
                    "tenant": self.tenant_id,
                    "call": call,
                    "tokens": tokens,
                    "requests_per_minute": self.model.requests_per_minute,
                    "tokens_per_minute": self.model.tokens_per_minute,
                    "calls": self.model.calls,
                    "tenant_calls": settings.SEGMILL_TENANT_CALLS,
                    "seconds": settings.SEGMILL_LEASE_SECONDS,
                    "holder": worker_name(),
                },
            )
            (seconds,) = cursor.fetchone()
        return Wait(seconds) if seconds else call

    def keep(self, calls: Sequence[UUID]) -> None:
        """Renew the slots of requests in flight."""
        with connection.cursor() as cursor:
            seconds = settings.SEGMILL_LEASE_SECONDS
            cursor.execute(KEEP, {"calls": list(calls), "seconds": seconds})

    def give_back(self, call: UUID, estimated: int, billed: int) -> None:
        """The request has ended; correct the estimate of its tokens by what was billed."""
        with connection.cursor() as cursor:
            cursor.execute(GIVE_BACK, {"call": call})
        if billed and billed != estimated and self.model.tokens_per_minute:
            draw(self.model, requests=0, tokens=billed - estimated)

    def be_quiet(self, seconds: float) -> None:
        """No worker on any machine sends a request for `seconds`."""
        with connection.cursor() as cursor:
            cursor.execute(QUIET, {"key": budget_key(self.model), "seconds": seconds})


def draw(model: ModelSettings, *, requests: float, tokens: float) -> None:
    """Count usage outside of `take`: a question, or tokens beyond the estimate.

    This never waits; the buckets may go below zero and refill with time.
    """
    if model.requests_per_minute or model.tokens_per_minute:
        EmbeddingBudget.objects.filter(pk=budget_key(model)).update(
            requests=F("requests") - requests, tokens=F("tokens") - tokens
        )


def budget_key(model: ModelSettings) -> str:
    """The key of a budget: the same for the same kind, endpoint, API key and model."""
    parts = (model.kind, model.base_url, model.api_key.reveal(), model.model)
    return salted_hmac(
        "segments.embedding.rate_limits", repr(parts), algorithm="sha256"
    ).hexdigest()

"""Rate limits of an endpoint: the budget workers share, back-off, and rate-limit headers.

By hand: limiters on the index (limits, pyrate-limiter) count one thing in one process or in Redis;
this takes requests, tokens and requests under way, of a model and of its tenant, in one statement.
"""

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
    """Seconds to wait after so many failures in a row, and at least as long as `wanted`.

    Half of it is chance, so that workers that failed together do not come back together.
    """
    longest = min(FIRST_PAUSE_SECONDS * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS)
    chosen = random.uniform(longest / 2, longest)  # noqa: S311  (not a secret)
    return max(chosen, wanted or 0.0)


def ask_with_backoff(ask: Callable[[], T], attempts: int, seconds: float) -> T:
    """The answer of `ask`, tried so often and for so long as somebody waits for it.

    Raises:
        EmbeddingFailed: as the last try raised it.
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
    """How long the endpoint wants no request: until what is used up is filled again."""
    pauses = [
        duration(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
    ]
    return max(pauses, default=0.0)


def duration(text: str) -> float:
    """Seconds of a duration like `6m0s` or `120ms`; 0 if it is none."""
    return sum(float(number) * UNIT_SECONDS[unit] for number, unit in DURATION.findall(text))


# Nobody waits for the disk, at which a place at the endpoint would stand empty meanwhile: a crash
# of the server forgets the requests of its last half second at most.
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
    """Not now: ask again after so many seconds."""

    seconds: float


class Budget(Protocol):
    """Who says when a request may be sent."""

    def take(self, tokens: int) -> UUID | Wait:
        """The right to send a request of so many tokens now, or when to ask again."""
        ...

    def keep(self, calls: Sequence[UUID]) -> None:
        """The requests are under way still; those not kept for a lease's time count as lost."""
        ...

    def give_back(self, call: UUID, estimated: int, billed: int) -> None:
        """The request has ended; what it cost more or less than was thought is made good."""
        ...

    def be_quiet(self, seconds: float) -> None:
        """Nobody shall send a request for so long."""
        ...


@dataclass(frozen=True, slots=True)
class SharedBudget:
    """The budget of a model as one tenant's work draws from it."""

    model: ModelSettings
    tenant_id: UUID

    def take(self, tokens: int) -> UUID | Wait:
        """The right to send a request of so many tokens now, or when to ask again."""
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
        """The requests are under way still: nobody gets their places."""
        with connection.cursor() as cursor:
            seconds = settings.SEGMILL_LEASE_SECONDS
            cursor.execute(KEEP, {"calls": list(calls), "seconds": seconds})

    def give_back(self, call: UUID, estimated: int, billed: int) -> None:
        """The request has ended; what it cost more or less than was thought is made good."""
        with connection.cursor() as cursor:
            cursor.execute(GIVE_BACK, {"call": call})
        if billed and billed != estimated and self.model.tokens_per_minute:
            draw(self.model, requests=0, tokens=billed - estimated)

    def be_quiet(self, seconds: float) -> None:
        """Nobody shall ask the endpoint for so long, on whatever machine."""
        with connection.cursor() as cursor:
            cursor.execute(QUIET, {"key": budget_key(self.model), "seconds": seconds})


@dataclass(slots=True)
class OwnBudget:
    """A budget that nobody shares and that only bounds the requests under way."""

    calls: int
    under_way: set[UUID] = field(default_factory=set)
    quiet_until: float = 0.0

    def take(self, tokens: int) -> UUID | Wait:
        """The right to send a request now, or when to ask again."""
        if (left := self.quiet_until - monotonic()) > 0:
            return Wait(left)
        if len(self.under_way) >= self.calls:
            return Wait(SECONDS_TO_NEXT_LOOK)
        call = uuid4()
        self.under_way.add(call)
        return call

    def keep(self, calls: Sequence[UUID]) -> None:
        """They are under way until they end: nobody else is there to be lost."""

    def give_back(self, call: UUID, estimated: int, billed: int) -> None:
        """The request has ended."""
        self.under_way.discard(call)

    def be_quiet(self, seconds: float) -> None:
        """Send nothing for so long."""
        self.quiet_until = max(self.quiet_until, monotonic() + seconds)


def draw(model: ModelSettings, *, requests: float, tokens: float) -> None:
    """Count what was used outside of a `take`: by a question, or more than was thought.

    Nobody waits for it; the buckets may go below zero and are filled up again by waiting.
    """
    if model.requests_per_minute or model.tokens_per_minute:
        EmbeddingBudget.objects.filter(pk=budget_key(model)).update(
            requests=F("requests") - requests, tokens=F("tokens") - tokens
        )


def budget_key(model: ModelSettings) -> str:
    """The same for all who draw from the same account: endpoint, key and model."""
    parts = (model.kind, model.base_url, model.api_key.reveal(), model.model)
    return salted_hmac(
        "segments.embedding.rate_limits", repr(parts), algorithm="sha256"
    ).hexdigest()

"""Requests and tokens a minute that all workers on all machines share, fairly between tenants.

The database is all that workers share, so the budget is there: two token buckets a model,
moved by one statement on the database's clock. A bucket holds little and refills steadily, so
that no minute, wherever it begins, sees more than the limit.

Of several tenants that wait for the same model, the one that has had least goes next; one that
comes late starts level with the others instead of being owed the past.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils.crypto import salted_hmac

from segments.embedding.configuration import ModelSettings
from segments.holders import worker_name
from segments.models import EmbeddingBudget

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
    return salted_hmac("segments.embedding.budget", repr(parts), algorithm="sha256").hexdigest()

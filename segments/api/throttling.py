"""How many requests a minute a key may make, counted by all web processes together.

The generic cell rate algorithm (the leaky bucket of ATM traffic control, ITU-T I.371): a moment
per key, moved by one statement on the database's clock, so that neither processes nor machines
need to agree on anything. In PostgreSQL rather than in the cache, which may be files and counts
no two processes apart.
"""

from math import ceil
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import connection
from rest_framework.exceptions import ErrorDetail, Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from segments.models import ApiKey

MINUTE_SECONDS = 60.0
# No row comes back where the key has used up what it may.
TAKE = """
    INSERT INTO segments_apikeyrate AS rate (key_id, spent_until)
    VALUES (%(key)s, clock_timestamp() + make_interval(secs => %(cost)s))
    ON CONFLICT (key_id) DO UPDATE SET spent_until =
        greatest(rate.spent_until, clock_timestamp()) + make_interval(secs => %(cost)s)
    WHERE rate.spent_until <= clock_timestamp() + make_interval(secs => %(slack)s)
    RETURNING 0
"""
WAIT = """
    SELECT extract(epoch FROM spent_until - clock_timestamp())::float8 - %(slack)s
    FROM segments_apikeyrate WHERE key_id = %(key)s
"""


def seconds_to_wait(key_id: UUID, per_minute: int) -> int:
    """0 if the key may make this request, which is counted; else when to ask again.

    Half of a minute's requests may come at once; the others come back evenly, so that no
    minute, wherever it begins, sees more than `per_minute`.
    """
    at_once = max(per_minute // 2, 1)
    cost = MINUTE_SECONDS / max(per_minute - at_once, 1)
    asked: dict[str, UUID | float] = {"key": key_id, "cost": cost, "slack": cost * (at_once - 1)}
    with connection.cursor() as cursor:
        cursor.execute(TAKE, asked)
        if cursor.fetchone():
            return 0
        cursor.execute(WAIT, asked)
        (seconds,) = cursor.fetchone() or (0.0,)
    return max(ceil(seconds), 1)


if TYPE_CHECKING:  # REST framework's views import this module, by its name in the settings
    from rest_framework.views import APIView


class TooManyRequests(Throttled):
    """The key has used up what it may; `wait` becomes the header Retry-After."""

    def __init__(self, wait: int, per_minute: int) -> None:
        super().__init__(wait)
        self.wait: int = wait
        self.detail = ErrorDetail(
            f"This key may make {per_minute:,} requests a minute. Try again in {wait:,} seconds.",
            self.default_code,
        )


class KeyThrottle(BaseThrottle):
    """Lets a key make `SEGMILL_API_REQUESTS_PER_MINUTE`; without a limit it asks nobody."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Whether the request may go on.

        Raises:
            TooManyRequests: not now; it says when.
        """
        per_minute = settings.SEGMILL_API_REQUESTS_PER_MINUTE
        if not per_minute or not isinstance(request.auth, ApiKey):
            return True
        if wait := seconds_to_wait(request.auth.pk, per_minute):
            raise TooManyRequests(wait, per_minute)
        return True

"""How many requests a minute a key may make, counted in the cache that all web processes share.

REST framework reads what a key has asked and writes it back in two steps. Requests of one process
wait for each other in between, so that a process counts exactly. Processes do not: requests that
several of them take within the same milliseconds may be counted as one, so that a key which asks
all of them at once may get through its number once for each.
"""

import logging
from math import ceil
from threading import Lock
from typing import TYPE_CHECKING, NoReturn

from django.conf import settings
from rest_framework.exceptions import ErrorDetail, Throttled
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from segments.models import ApiKey

if TYPE_CHECKING:  # REST framework's views import this module, by its name in the settings
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)
_one_at_a_time = Lock()


class TooManyRequests(Throttled):
    """The key has used up what it may; `wait` becomes the header Retry-After."""

    def __init__(self, wait: float, per_minute: int) -> None:
        super().__init__(wait)
        self.wait: int = max(self.wait or 0, 1)
        self.detail = ErrorDetail(
            f"This key may make {per_minute:,} requests a minute. Try again in {self.wait:,} "
            "seconds.",
            self.default_code,
        )


class TooManyStreams(Throttled):
    """The tenant has as many event streams open as it may."""

    default_detail = "Too many event streams are open for this tenant. Close one, or poll instead."
    extra_detail_singular = extra_detail_plural = ""

    def __init__(self) -> None:
        super().__init__()
        self.wait = 10


class KeyThrottle(SimpleRateThrottle):
    """Lets a key make `SEGMILL_API_REQUESTS_PER_MINUTE`; without a limit nothing is counted."""

    scope = "key"

    def get_rate(self) -> str | None:
        """As REST framework writes it; None without a limit."""
        per_minute = settings.SEGMILL_API_REQUESTS_PER_MINUTE
        return f"{per_minute}/minute" if per_minute else None

    def get_cache_key(self, request: Request, view: "APIView") -> str | None:
        """The key's own; None for who shows no key, and is refused for that."""
        if not isinstance(request.auth, ApiKey):
            return None
        return self.cache_format % {"scope": self.scope, "ident": request.auth.pk}

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Whether the request is allowed; while the cache is down, it is.

        Raises:
            TooManyRequests: not now; it says when.
        """
        if self.rate is None:
            return True
        self._view = view
        try:
            with _one_at_a_time:
                allowed = super().allow_request(request, view)
            self._tell(view)
            return allowed
        except Throttled:
            raise
        except Exception as trouble:  # noqa: BLE001  (every backend raises what it likes)
            logger.warning("requests are not counted: the cache does not answer: %s", trouble)
            return True

    def _tell(self, view: "APIView") -> None:
        """Keep for the answer what the key may still do, and in how many seconds it is more."""
        oldest = self.history[-1] if self.history else self.now
        limit, duration = self.parse_rate(self.rate)
        if limit is None or duration is None:
            return
        view.rate_headers = {  # type: ignore[attr-defined]
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(limit - len(self.history), 0)),
            "X-RateLimit-Reset": str(max(ceil(duration - (self.now - oldest)), 0)),
        }

    def throttle_failure(self) -> NoReturn:
        """Refuse, with the limit and when the oldest request will have been a minute ago."""
        self._tell(self._view)
        raise TooManyRequests(self.wait() or 0, settings.SEGMILL_API_REQUESTS_PER_MINUTE)

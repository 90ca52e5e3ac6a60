"""What a key may ask for in a minute, as the framework asks about it."""

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.exceptions import ErrorDetail, Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from segments import rate_limit
from segments.models import ApiKey

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
        if wait := rate_limit.seconds_to_wait(request.auth.pk, per_minute):
            raise TooManyRequests(wait, per_minute)
        return True

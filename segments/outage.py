"""Requests that come while the database is away: 503, and when to ask again."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string

from segments.database_errors import explained, is_expected

# A restart of PostgreSQL takes about as long.
RETRY_SECONDS = 5
# What the server said may be of the inside: the log has it.
AWAY = f"The database does not answer at the moment. Ask again in {RETRY_SECONDS} seconds."

Answer = TypeVar("Answer", bound=HttpResponse)

logger = logging.getLogger(__name__)


def logged_already(answer: Answer) -> Answer:
    """`answer`, whose reason is in the log: Django would log an error of the server besides."""
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


class OutageMiddleware:
    """Shows a page that says so; the API has answers of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Whatever is answered to the request."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page, made without the database; None for any other error."""
        if not is_expected(error):
            return None
        logger.error("%s %s failed: %s", request.method, request.path, explained(error))
        answer = HttpResponse(render_to_string("503.html"), status=HTTPStatus.SERVICE_UNAVAILABLE)
        answer["Retry-After"] = str(RETRY_SECONDS)
        return logged_already(answer)

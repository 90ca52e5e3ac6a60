"""Middleware: probes for machines, and 503 while the database is not available."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TypeVar

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.crypto import constant_time_compare

from segments.db.errors import explained, is_expected
from segments.operations import health, metrics

# A restart of PostgreSQL takes about as long.
RETRY_SECONDS = 5
# The server's own words may reveal internals: they are in the log.
AWAY = f"The database is not available. Try again in {RETRY_SECONDS} seconds."

Logged = TypeVar("Logged", bound=HttpResponse)

logger = logging.getLogger(__name__)


def logged_already(answer: Logged) -> Logged:
    """`answer`, whose reason is already in the log, so that Django does not log it again."""
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


class OutageMiddleware:
    """Shows a page while the database is down; the API answers such errors itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response to the request."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page, rendered without the database; None for any other error."""
        if not is_expected(error):
            return None
        logger.error("%s %s failed: %s", request.method, request.path, explained(error))
        page = render_to_string("segments/outage.html")
        answer = HttpResponse(page, status=HTTPStatus.SERVICE_UNAVAILABLE)
        answer["Retry-After"] = str(RETRY_SECONDS)
        return logged_already(answer)


Answer = Callable[[HttpRequest], HttpResponseBase]
METHODS = ("GET", "HEAD")
LOOPBACK = frozenset({"127.0.0.1", "::1"})
# Clients that send one of these headers come through a proxy, from anywhere.
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


class ProbesMiddleware:
    """Answers probes, and passes everything else on."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response, never cached on the way."""
        probe = PROBES.get(request.path_info)
        if probe is None:
            return self._get_response(request)
        if request.method not in METHODS:
            return HttpResponseNotAllowed(METHODS)
        answer = probe(request)
        answer["Cache-Control"] = "no-store"
        return answer


def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers; nothing else is checked."""
    return JsonResponse({"status": "alive"})


def readyz(request: HttpRequest) -> HttpResponse:
    """200 if imports can be accepted and run, else 503 with the parts that are not ready."""
    parts = health.examine()
    is_ready = not any(part.trouble for part in parts)
    return logged_already(
        JsonResponse(
            {
                "status": "ready" if is_ready else "not ready",
                "parts": {part.name: part.trouble or "ready" for part in parts},
            },
            status=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
        )
    )


def metrics_page(request: HttpRequest) -> HttpResponse:
    """The metrics for Prometheus; 403 with how to get access, or 503 without a database."""
    if not _may_see_metrics(request):
        return _in_words(
            HTTPStatus.FORBIDDEN,
            "Send the token of SEGMILL_METRICS_TOKEN as “Authorization: Bearer …”. If it is not "
            "set, send the request from the machine itself.",
        )
    try:
        text, content_type = metrics.expose(request.headers.get("Accept", ""))
    except Error as trouble:
        if not is_expected(trouble):
            raise
        reason = str(explained(trouble))
        logger.warning("no metrics: %s", reason)
        return logged_already(_in_words(HTTPStatus.SERVICE_UNAVAILABLE, reason))
    return HttpResponse(text, content_type=content_type)


def _in_words(status: HTTPStatus, text: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")


def _may_see_metrics(request: HttpRequest) -> bool:
    token = settings.SEGMILL_METRICS_TOKEN
    if token:
        return constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}")
    is_forwarded = any(name in request.headers for name in FORWARDED)
    return request.META.get("REMOTE_ADDR") in LOOPBACK and not is_forwarded


PROBES: Mapping[str, Answer] = {
    "/healthz": healthz,
    "/readyz": readyz,
    "/metrics": metrics_page,
}

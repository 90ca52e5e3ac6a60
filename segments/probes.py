"""What machines ask of a web process: /healthz, /readyz and /metrics.

The first two are for everybody and tell nothing of the inside. The numbers of /metrics are for
who shows the token, or without one for this machine alone.

Answered by a middleware before any other: a probe comes by the address of a machine and by
plain HTTP, so neither ALLOWED_HOSTS nor the way to HTTPS is for it, and none of it needs a
session or, for /healthz, a database.
"""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.crypto import constant_time_compare

from segments.database_errors import explained, is_expected
from segments.operations import health, metrics
from segments.outage import logged_already

logger = logging.getLogger(__name__)

Answer = Callable[[HttpRequest], HttpResponseBase]
METHODS = ("GET", "HEAD")
LOOPBACK = frozenset({"127.0.0.1", "::1"})
# Whoever shows one of these comes by way of a proxy, from wherever.
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


class ProbesMiddleware:
    """Answers probes, and passes everything else on."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer, never kept by anybody on the way."""
        probe = PROBES.get(request.path_info)
        if probe is None:
            return self._get_response(request)
        if request.method not in METHODS:
            return HttpResponseNotAllowed(METHODS)
        answer = probe(request)
        answer["Cache-Control"] = "no-store"
        return answer


def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers; nothing else is asked."""
    return JsonResponse({"status": "alive"})


def readyz(request: HttpRequest) -> HttpResponse:
    """200 if imports can be taken and done, else 503 with the parts that are not ready."""
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
    """The numbers for Prometheus; 403 with how to get at them, or 503 without a database."""
    if not _may_see_metrics(request):
        return _in_words(
            HTTPStatus.FORBIDDEN,
            "Show the token of SEGMILL_METRICS_TOKEN as “Authorization: Bearer …”. Without that "
            "setting, ask on the machine itself.",
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

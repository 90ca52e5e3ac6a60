"""Middleware: probes for machines, 503 while the database is not available, and replicas."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from http import HTTPStatus
from typing import TypeVar

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    JsonResponse,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.crypto import constant_time_compare

from segments.db import positions, replicas
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


SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# A body that is kept, so that it can be read again when the primary takes over from a replica.
MOST_BODY_BYTES = 1024 * 1024
EVENTS = "text/event-stream"

View = Callable[..., HttpResponseBase]


class ReplicaMiddleware(OutageMiddleware):
    """Lets replicas answer requests that only read, and the primary whatever a replica cannot.

    The last one in MIDDLEWARE: it calls the view itself. After a request that changed something
    its position in the log is noted before the answer goes out, so that nobody who was told of the
    change is shown less. If it cannot be noted, nobody is told: the answer is 503.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.SEGMILL_REPLICAS:
            raise MiddlewareNotUsed
        super().__init__(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response to the request."""
        with replicas.request() as scope:
            answer = self._get_response(request)
            if not (scope.has_written or scope.changes):
                return answer
            try:
                positions.note(scope.tenant_id, scope.dataset_id, scope.origin or "session")
            except Error as trouble:
                return self.process_exception(request, trouble) or answer
            return answer

    def process_view(
        self, request: HttpRequest, view: View, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> HttpResponseBase | None:
        """The answer with what a replica has; None if the view has to answer in the usual way."""
        scope = replicas.current()
        if scope is None or connections[DEFAULT_DB_ALIAS].settings_dict["ATOMIC_REQUESTS"]:
            return None
        scope.changes = request.method not in SAFE_METHODS and not _only_reads(view)
        if scope.changes or not _can_be_repeated(request, view):
            return None
        scope.may_use_replicas = True

        def look() -> HttpResponseBase:
            return _rendered(view(request, *args, **kwargs))

        try:
            answer = look()
        except Exception as trouble:
            if scope.is_on_replica:  # whatever it is: the primary has the last word
                _give_up(scope, trouble)
                return None
            page = self.process_exception(request, trouble)
            if page is None:
                raise
            return page
        if not (scope.is_on_replica and isinstance(answer, StreamingHttpResponse)):
            return answer
        if not answer.is_async and answer.headers["Content-Type"] != EVENTS:
            answer.streaming_content = _Portions(answer, look, scope)
        return answer


def _only_reads(view: View) -> bool:
    return getattr(_class_of(view), "only_reads", False)


def _class_of(view: View) -> object:
    """The class of a view of the REST framework."""
    return getattr(view, "cls", None)


def _can_be_repeated(request: HttpRequest, view: View) -> bool:
    """Whether the view may be called twice: it only reads, and so does whoever reads its body."""
    if not getattr(_class_of(view), "reads_replicas", True):
        return False
    if request.method in SAFE_METHODS:
        return True
    if request.content_type != "application/json":
        return False
    length = request.headers.get("Content-Length", "")
    if not length.isdigit() or int(length) > MOST_BODY_BYTES:
        return False
    try:
        return request.body is not None
    except OSError:  # the client is gone: the view says so
        return False


def _rendered(answer: HttpResponseBase) -> HttpResponseBase:
    """With its template rendered, which may read from the database, too."""
    render = getattr(answer, "render", None)
    return render() if callable(render) else answer


def _give_up(scope: replicas.Request, trouble: Exception) -> None:
    if isinstance(trouble, Error):
        scope.give_up(trouble)
    else:
        scope.use_primary()


class _Portions:
    """A file as it is sent: from a replica, and from the primary if the replica fails half way.

    The primary's is gone through up to the same place, and must be the same up to there.
    """

    def __init__(
        self,
        answer: StreamingHttpResponse,
        look: Callable[[], HttpResponseBase],
        scope: replicas.Request,
    ) -> None:
        self._answer, self._look, self._scope = answer, look, scope
        self._context = copy_context()
        self._portions: Iterator[bytes] = iter(answer)
        self._sent, self._bytes = hashlib.sha256(), 0

    def __iter__(self) -> Iterator[bytes]:
        while (portion := self._next()) is not None:
            self._sent.update(portion)
            self._bytes += len(portion)
            yield portion

    def _next(self) -> bytes | None:
        try:
            return self._context.run(next, self._portions, None)
        except Error as trouble:
            if not self._scope.is_on_replica:
                raise
            logger.warning("a file is sent on by the primary after %d bytes", self._bytes)
            self._scope.give_up(trouble)
            self._portions = self._context.run(self._rest)
            return self._context.run(next, self._portions, None)

    def _rest(self) -> Iterator[bytes]:
        """What follows what was sent.

        Raises:
            OSError: the file has been changed meanwhile, so it cannot be sent on.
        """
        again = self._look()
        if not isinstance(again, StreamingHttpResponse):
            raise OSError("the file can no longer be sent")
        portions, passed, left = iter(again), hashlib.sha256(), self._bytes
        for portion in portions:
            passed.update(portion[:left])
            rest, left = portion[left:], left - min(len(portion), left)
            if not left:
                if passed.digest() != self._sent.digest():
                    break
                return _chained(rest, portions)
        raise OSError("the file has been changed while it was sent")


def _chained(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


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
                **({"replicas": _replicas()} if settings.SEGMILL_REPLICAS and is_ready else {}),
            },
            status=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
        )
    )


def _replicas() -> dict[str, str]:
    """How far each is behind. Nothing waits for them, so none makes the installation unready."""
    return {
        state.alias: "does not answer" if state.trouble else f"{state.bytes_behind} bytes behind"
        for state in replicas.states()
    }


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

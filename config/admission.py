"""Who may send a large body: decided when its headers are in, before any of it is kept.

Waitress receives a whole request before an application sees it, which protects the few threads
from slow clients, but stores whatever anybody sends. So a request that announces more than
`UNASKED_BYTES` waits after its headers, its connection unread, until a thread has looked at its
key or session and at its length. One that is refused goes to the application without its body,
which answers as always (401, 403, 413); what its sender is still sending is read and thrown away
for `LINGER_SECONDS`, or their program would see a reset connection instead of the answer.
"""

import logging
import socket
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import close_old_connections, connections
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# Bodies of ordinary requests and forms come unasked: a look at the key would cost more.
UNASKED_BYTES = 64 * 1024
LINGER_SECONDS = 5.0
# What a form may have besides its file.
BESIDE_FILE_BYTES = 1024 * 1024
API = "/v1/"
EVENT_STREAM = "text/event-stream"
WITH_FILES = ("multipart/form-data", "application/x-ndjson", "application/jsonl")

Headers = Mapping[str, str]
"""As waitress has them: in capitals, with underscores."""

logger = logging.getLogger(__name__)


def is_admitted(path: str, headers: Headers, length: int) -> bool:
    """Whether the body of a request is wanted: of a known sender, and not longer than allowed."""
    if length > most_bytes(path, headers):
        return False
    close_old_connections()
    try:
        return _has_key(headers) if path.startswith(API) else _has_session(headers)
    except Exception:
        # The application meets the same trouble, and answers for it.
        logger.warning("nobody could be asked about a large body", exc_info=True)
        return False
    finally:
        connections.close_all()  # large bodies are rare: their thread keeps none for them


def most_bytes(path: str, headers: Headers) -> int:
    """How long the body of such a request may be."""
    from segments.api.parsers import MAX_BODY_BYTES

    kind = headers.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if path.startswith(API) and kind not in WITH_FILES:
        return MAX_BODY_BYTES
    return int(settings.SEGMILL_MAX_FILE_BYTES) + BESIDE_FILE_BYTES


def _has_key(headers: Headers) -> bool:
    from rest_framework.exceptions import AuthenticationFailed

    from segments.api.auth import bearer_key
    from segments.services.api_keys import find_api_key

    try:
        return find_api_key(bearer_key(headers.get("AUTHORIZATION"))) is not None
    except AuthenticationFailed:
        return False


def _has_session(headers: Headers) -> bool:
    try:
        cookie = SimpleCookie(headers.get("COOKIE", "")).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return False
    if cookie is None:
        return False
    store = import_module(settings.SESSION_ENGINE).SessionStore(cookie.value)
    return store.get(SESSION_KEY) is not None


class Request(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """A request that stops after its headers if its body is large, until it is `admitted`."""

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self.is_waiting = self.is_decided = False
        self.held = b""

    def received(self, data: bytes) -> int:
        """How many bytes were taken; of a body that waits, a few that came with the headers."""
        if self.is_waiting:
            self.held += data
            return len(data)
        consumed: int = super().received(data)
        if self.headers_finished and not self.is_decided:
            if self.content_length >= self.adj.max_request_body_size:
                self.error, self.completed = None, False  # the application has better words
            is_large = self.chunked or self.content_length > UNASKED_BYTES
            self.is_waiting = is_large and not self.completed
            self.is_decided = not self.is_waiting
        return consumed

    def admit(self) -> bytes:
        """Go on; returns what has come of the body."""
        self.is_waiting, self.is_decided = False, True
        held, self.held = self.held, b""
        return held

    def refuse(self) -> None:
        """Be complete without a body; the announced length stays, to be refused."""
        self.is_waiting, self.is_decided = False, True
        self.held, self.error, self.body_rcv = b"", None, None
        self.headers["CONNECTION"] = "close"
        self.expect_continue = False
        self.completed = True


class Look:
    """The task of a thread: decides about the request that a connection is receiving."""

    def __init__(self, channel: "AdmittingChannel", request: Request) -> None:
        self._channel, self._request = channel, request

    def service(self) -> None:
        """Decide, and have the connection go on."""
        request = self._request
        length = 0 if request.chunked else request.content_length
        self._channel.decide(request, is_admitted(request.path, request.headers, length))

    def cancel(self) -> None:
        """The server ends."""
        self._channel.cancel()


class AdmittingChannel(HTTPChannel):  # type: ignore[misc]
    """A connection that asks before it receives much, and closes without cutting off answers."""

    parser_class = Request
    request: Any
    will_close: bool
    is_going_on = is_refusing = is_draining = False
    drains_until = 0.0

    def received(self, data: bytes) -> bool:
        """Take what has come; see that a request that waits is decided about."""
        was_waiting = self._is_waiting
        taken: bool = super().received(data)
        if self._is_waiting and not was_waiting:
            self.server.add_task(Look(self, self.request))
        return taken

    @property
    def _is_waiting(self) -> bool:
        return self.request is not None and self.request.is_waiting

    def send_continue(self) -> None:
        """Ask for the body, once it is wanted."""
        if not self._is_waiting:
            super().send_continue()

    def decide(self, request: Request, is_wanted: bool) -> None:
        """Receive the body of `request`, or have it answered without."""
        if is_wanted:
            self._go_on(request)
        else:
            self._answer_without_body(request)
        self.server.pull_trigger()

    def _go_on(self, request: Request) -> None:
        """Take what came with the headers before anything that comes now."""
        self.is_going_on = True
        held = request.admit()
        with self.requests_lock:
            if request.expect_continue and not self.requests and not self.sent_continue:
                self.send_continue()
        if held:
            self.received(held)
        self.is_going_on = False

    def _answer_without_body(self, request: Request) -> None:
        with self.requests_lock:
            request.refuse()
            self.is_refusing = True
            self.request = None
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)

    def readable(self) -> bool:
        """Whether anything is to be read now."""
        if self.is_draining:
            return True
        if self._is_waiting or self.is_going_on or self.is_refusing:
            return False
        return bool(super().readable())

    def handle_read(self) -> None:
        """Read; of a refused body only to throw it away."""
        if not self.is_draining:
            super().handle_read()
        elif time.monotonic() > self.drains_until:
            self.handle_close()
        else:
            self.recv(UNASKED_BYTES)

    def handle_close(self) -> None:
        """Close; after a refusal only once the sender has had time to read it."""
        if self.is_refusing and not self.is_draining and self.connected and self.will_close:
            self.will_close = False
            self.is_draining = True
            self.drains_until = time.monotonic() + LINGER_SECONDS
            if self._end_output():
                return
        super().handle_close()

    def _end_output(self) -> bool:
        """Tell the sender that the answer is complete; False if they have gone."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        return True


class RoomForStreams:
    """An application whose event streams take no thread away from other requests.

    Each open one has the server start another thread, and end it with the stream.
    """

    def __init__(self, application: "WSGIApplication", threads: int) -> None:
        self._application, self._threads = application, threads
        self._streams, self._lock = 0, Lock()
        self.set_thread_count: Callable[[int], None] | None = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """The response."""
        kinds: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            kinds.extend(value for name, value in headers if name.lower() == "content-type")
            return start_response(status, headers, *more)

        body = self._application(environ, start)
        if any(kind.startswith(EVENT_STREAM) for kind in kinds):
            return self._stream(body)
        return body

    def _stream(self, body: Iterable[bytes]) -> Generator[bytes]:
        self._count(+1)
        try:
            yield from body
        finally:
            self._count(-1)
            if close := getattr(body, "close", None):
                close()

    def _count(self, change: int) -> None:
        with self._lock:
            self._streams += change
            if self.set_thread_count is not None:
                self.set_thread_count(self._threads + self._streams)

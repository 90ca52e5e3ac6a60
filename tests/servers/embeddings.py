"""An OpenAI-compatible /embeddings in a thread: right by default, wrong as a test wants it.

A vector says which text it is of (`vector_of`), so that a test sees whether the right one
arrived. What a request gets is decided by a list of misdeeds: each request takes the next.
"""

import base64
import hashlib
import json
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segments.embedding.base import ModelSettings
from segments.embedding.providers.openai import OpenAIEmbedder

DIMENSIONS = 8


def vector_of(text: str, dimensions: int = DIMENSIONS) -> NDArray[np.float32]:
    """The vector of length one that the server gives `text`."""
    digest = hashlib.shake_128(text.encode()).digest(dimensions)
    vector = np.frombuffer(digest, np.uint8).astype(np.float32) + 1
    scaled: NDArray[np.float32] = vector / np.linalg.norm(vector)
    return scaled


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "EmbeddingsServer"

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.note(self, body)
        try:
            if misdeed := self.server.next_misdeed():
                misdeed(self, body)
            else:
                time.sleep(self.server.seconds)
                self.reply(self.answer(body))
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client had enough, which is what some tests are about
        finally:
            self.server.leave()

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """What a server that behaves well says."""
        if body.get("encoding_format") == "base64":
            encode: Callable[[Any], Any] = lambda v: base64.b64encode(v.tobytes()).decode()  # noqa: E731
        else:
            encode = lambda v: v.tolist()  # noqa: E731
        data = [
            {"object": "embedding", "index": index, "embedding": encode(vector_of(text))}
            for index, text in enumerate(body["input"])
        ]
        tokens = sum(len(text.split()) for text in body["input"])
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": body["model"], "usage": usage}

    def reply(self, answer: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send(json.dumps(answer).encode(), status, headers)

    def refuse(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        error = {"message": message, "type": "invalid_request_error", "code": None}
        self.reply({"error": error}, status, headers)

    def send(self, content: bytes, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        wanted = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        for name, value in (wanted | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


Misdeed = Callable[[_Handler, dict[str, Any]], None]


class EmbeddingsServer(ThreadingHTTPServer):
    """Counts what it is asked, and how much of that at the same time."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seconds = 0.0
        self.misdeeds: deque[Misdeed] = deque()
        self.always: Misdeed | None = None
        self.requests: list[Request] = []
        self.under_way = self.most_under_way = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def texts(self) -> list[str]:
        """All texts it was ever asked for, in the order of the requests."""
        return [text for request in self.requests for text in request.texts]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in the middle of a request is what some tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def note(self, handler: _Handler, body: dict[str, Any]) -> None:
        with self._lock:
            headers = {name.lower(): value for name, value in handler.headers.items()}
            self.requests.append(Request(time.monotonic(), body, headers))
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)

    def leave(self) -> None:
        with self._lock:
            self.under_way -= 1

    def next_misdeed(self) -> Misdeed | None:
        with self._lock:
            return self.misdeeds.popleft() if self.misdeeds else self.always


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came: when, what, and with which headers (names in lower case)."""

    at: float
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def texts(self) -> list[str]:
        return list(self.body["input"])


@contextmanager
def embeddings_server() -> Iterator[EmbeddingsServer]:
    """A server on a free port of this machine, for as long as the block runs."""
    with EmbeddingsServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


MakeModel = Callable[..., OpenAIEmbedder]


def make_model(server: EmbeddingsServer, **options: Any) -> OpenAIEmbedder:
    """A model behind `server`."""
    usual: dict[str, Any] = {
        "provider": "mine",
        "kind": "openai",
        "model": "m",
        "base_url": server.url,
        "is_trusted": True,
    }
    return OpenAIEmbedder(ModelSettings(**(usual | options)))


# --- Misdeeds -----------------------------------------------------------------------------------


def status(code: int, headers: dict[str, str] | None = None, message: str = "no") -> Misdeed:
    """An answer with another status than 200."""
    return lambda handler, body: handler.refuse(code, message, headers)


def cut_connection(handler: _Handler, body: dict[str, Any]) -> None:
    """Half of the answer, then the line goes dead."""
    content = json.dumps(handler.answer(body)).encode()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.close_connection = True


def truncated_json(handler: _Handler, body: dict[str, Any]) -> None:
    """A whole answer by its headers, half of one by its text."""
    content = json.dumps(handler.answer(body)).encode()
    handler.send(content[: len(content) // 2], 200)


def not_json(handler: _Handler, body: dict[str, Any]) -> None:
    """The login page of a proxy."""
    handler.send(b"<html>Please log in</html>", 200, {"Content-Type": "text/html"})


def no_data(handler: _Handler, body: dict[str, Any]) -> None:
    """JSON, but of something else."""
    handler.reply({"hello": "world"})


def wrong_count(handler: _Handler, body: dict[str, Any]) -> None:
    """One vector is missing."""
    answer = handler.answer(body)
    handler.reply(answer | {"data": answer["data"][:-1]})


def same_index(handler: _Handler, body: dict[str, Any]) -> None:
    """The right number of vectors, all of the first text."""
    answer = handler.answer(body)
    handler.reply(answer | {"data": [item | {"index": 0} for item in answer["data"]]})


def wrong_order(handler: _Handler, body: dict[str, Any]) -> None:
    """Nothing wrong: the order is the index's, not the list's."""
    answer = handler.answer(body)
    handler.reply(answer | {"data": answer["data"][::-1]})


def as_numbers(handler: _Handler, body: dict[str, Any]) -> None:
    """Nothing wrong: a server that does not know base64 sends numbers."""
    handler.reply(handler.answer(body | {"encoding_format": "float"}))


def with_value(value: float, place: int = 0) -> Misdeed:
    """The vector at `place` is full of `value`."""

    def misdeed(handler: _Handler, body: dict[str, Any]) -> None:
        answer = handler.answer(body | {"encoding_format": "float"})
        answer["data"][place]["embedding"] = [value] * DIMENSIONS
        handler.reply(answer)

    return misdeed


def with_dimensions(number: int) -> Misdeed:
    """All vectors are `number` long."""

    def misdeed(handler: _Handler, body: dict[str, Any]) -> None:
        answer = handler.answer(body)
        data = [item | {"embedding": [1.0] * number} for item in answer["data"]]
        handler.reply(answer | {"data": data})

    return misdeed


def billing(tokens: Any) -> Misdeed:
    """Vectors as they should be, with `tokens` on the bill."""
    bill = {"usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
    return lambda handler, body: handler.reply(handler.answer(body) | bill)


def refusing(word: str, code: int = 400) -> Misdeed:
    """No batch with `word` in one of its texts is taken; all others are."""

    def misdeed(handler: _Handler, body: dict[str, Any]) -> None:
        if any(word in text for text in body["input"]):
            handler.refuse(code, "input contains something unfit")
        else:
            handler.reply(handler.answer(body))

    return misdeed


def drip(seconds: float = 0.05) -> Misdeed:
    """A byte every so often, for ever."""

    def misdeed(handler: _Handler, body: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while True:
            handler.wfile.write(b" ")
            time.sleep(seconds)

    return misdeed


def drip_headers(handler: _Handler, body: dict[str, Any]) -> None:
    """A byte of a header every so often, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.05)


def huge(handler: _Handler, body: dict[str, Any]) -> None:
    """More than anybody asked for."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 40))
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * (1 << 16))


def compressed(handler: _Handler, body: dict[str, Any]) -> None:
    """A compressed answer, which may be small now and large later."""
    handler.send(b"\x1f\x8b", 200, {"Content-Encoding": "gzip"})


def redirect(place: str) -> Misdeed:
    """Asks to be asked elsewhere."""
    return lambda handler, body: handler.send(b"", 307, {"Location": place})

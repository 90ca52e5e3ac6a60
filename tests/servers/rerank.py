"""A reranker in a thread: `/rerank` as Cohere's, or as text-embeddings-inference has it.

A text is as relevant as the share of the question's words that it has.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "RerankServer"

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, dict(self.headers), body))
        time.sleep(self.server.seconds)
        try:
            if self.server.always is not None:
                self.reply(*self.server.always(body))
            elif self.server.is_tei:
                self._answer_as_tei(body)
            else:
                self.reply(200, {"results": scored(body["query"], body["documents"])})
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client had enough, which is what some tests are about

    def _answer_as_tei(self, body: Body) -> None:
        if "texts" not in body:
            self.reply(422, {"error": "missing field `texts`"})
        else:
            found = scored(body["query"], body["texts"])
            self.reply(200, [{"index": f["index"], "score": f["relevance_score"]} for f in found])

    def reply(self, status: int, answer: Any) -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class RerankServer(ThreadingHTTPServer):
    """Remembers what it is asked; `always` answers otherwise than it should."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seconds = 0.0
        self.is_tei = False
        self.always: Callable[[Body], tuple[int, Any]] | None = None
        self.requests: list[tuple[str, dict[str, str], Body]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


def scored(question: str, texts: list[str]) -> list[dict[str, Any]]:
    """The texts by relevance, the best first."""
    words = set(question.lower().split())
    found = [
        {"index": place, "relevance_score": len(words & set(text.lower().split())) / len(words)}
        for place, text in enumerate(texts)
    ]
    return sorted(found, key=lambda each: -each["relevance_score"])


@contextmanager
def rerank_server() -> Iterator[RerankServer]:
    """A running server; it is stopped afterwards."""
    server = RerankServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""`python -m tests.benchmark.simulated`: an OpenAI-compatible endpoint of 200 ms a request.

In a process of its own, so that it takes nothing from who is measured. It writes its port on
standard output, and answers `GET /requests` with the moment at which each request came, in seconds.
"""

import base64
import json
import sys
from array import array
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep
from typing import Any

SECONDS_A_REQUEST = 0.2
DIMENSIONS = 64


class Endpoint(ThreadingHTTPServer):
    """Any number of requests at the same time, each as slow as one alone."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.came: list[float] = []


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # Head and body leave at once instead of waiting for the client's acknowledgement.
    disable_nagle_algorithm = True
    server: Endpoint

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        """When requests came."""
        self._answer(sorted(self.server.came))

    def do_POST(self) -> None:
        """The vectors, when the time is over."""
        came = monotonic()
        self.server.came.append(came)
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        data = [
            {"object": "embedding", "index": index, "embedding": _vector(text)}
            for index, text in enumerate(texts)
        ]
        tokens = sum(len(text.split()) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        answer = {"object": "list", "data": data, "model": "simulated", "usage": usage}
        self._answer(answer, came + SECONDS_A_REQUEST)

    def _answer(self, answer: Any, moment: float = 0.0) -> None:
        """Send `answer` at the moment, so that what it takes to make it is in the time."""
        content = json.dumps(answer).encode()
        sleep(max(moment - monotonic(), 0))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _vector(text: str) -> str:
    """A vector as endpoints encode it: numbers of four bytes in base64."""
    numbers = array("f", [1.0 + ord(text[place % len(text)]) % 7 for place in range(DIMENSIONS)])
    return base64.b64encode(numbers.tobytes()).decode()


if __name__ == "__main__":
    with Endpoint() as endpoint:
        sys.stdout.write(f"{endpoint.server_address[1]}\n")
        sys.stdout.flush()
        endpoint.serve_forever()

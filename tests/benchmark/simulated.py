"""`python -m tests.benchmark.simulated [ADDRESS]`: an OpenAI-compatible endpoint, 200 ms a request.

It runs in its own process, to take nothing from the one that is measured. It writes its port to
standard output, and answers `GET /requests` with the time at which each request came, in seconds,
and `GET /spans` with the model of each and when it came and went.
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
    """Handles any number of requests at the same time, each as slow as one alone."""

    daemon_threads = True

    def __init__(self, address: str = "127.0.0.1") -> None:
        super().__init__((address, 0), Handler)
        self.came: list[float] = []
        self.spans: list[tuple[str, float, float]] = []


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # Head and body are sent at once instead of waiting for the client's acknowledgement.
    disable_nagle_algorithm = True
    server: Endpoint

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        """Answer when requests came."""
        self._answer(self.server.spans if self.path == "/spans" else sorted(self.server.came))

    def do_POST(self) -> None:
        """Answer with the vectors, when the time is up."""
        came = monotonic()
        self.server.came.append(came)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = asked["input"]
        data = [
            {"object": "embedding", "index": index, "embedding": _vector(text)}
            for index, text in enumerate(texts)
        ]
        tokens = sum(len(text.split()) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        answer = {"object": "list", "data": data, "model": "simulated", "usage": usage}
        self._answer(answer, came + SECONDS_A_REQUEST)
        self.server.spans.append((asked["model"], came, monotonic()))

    def _answer(self, answer: Any, moment: float = 0.0) -> None:
        """Send `answer` at `moment`, so that the time to build it is included."""
        content = json.dumps(answer).encode()
        sleep(max(moment - monotonic(), 0))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _vector(text: str) -> str:
    """A vector as endpoints encode it: four-byte numbers in base64."""
    numbers = array("f", [1.0 + ord(text[place % len(text)]) % 7 for place in range(DIMENSIONS)])
    return base64.b64encode(numbers.tobytes()).decode()


if __name__ == "__main__":
    with Endpoint(*sys.argv[1:2]) as endpoint:
        sys.stdout.write(f"{endpoint.server_address[1]}\n")
        sys.stdout.flush()
        endpoint.serve_forever()

"""The part `http`: how many questions a second the web server answers, load included.

The server is the one of an installation (`python -m config.web`); clients keep their connections,
and each sends its next question when the last one is answered. The clients, the server and
PostgreSQL share the machine.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import cycle, islice
from statistics import quantiles
from time import perf_counter, sleep
from urllib.parse import urlsplit

from django.conf import settings

from config import env
from config.web import listen, port_of
from datasets.models import Dataset
from segments.exceptions import SearchRefused
from segments.services.api_keys import create_api_key
from tests.benchmark import rows
from tests.benchmark.figures import PERCENT, Figure, Recorder, Unit
from tests.benchmark.searching import filled
from tests.benchmark.trial import warm_up, wipe

PART = "http"
SEED_QUESTIONS = 8
CLIENTS = 8
METHODS = ("semantic_search", "full_text_search", "hybrid_search")
TRIES, PAUSE_SECONDS = 300, 0.2
# The server's threads load the model, connect and fill their caches before it counts.
WARMING = 5 * CLIENTS


def measure(recorder: Recorder) -> None:
    """Fill a dataset of each size, then ask the same questions by each method."""
    sizes = recorder.sizes
    asked = list(rows.questions(sizes.questions, SEED_QUESTIONS))
    warm_up()
    wipe()
    for number, count in enumerate(sizes.served):
        done = number / len(sizes.served)
        recorder.step(f"filling a dataset with {count:,} rows", done)
        dataset = filled(count).dataset
        with _server() as address:
            for method in METHODS:
                recorder.step(f"{method} in {count:,} rows", done)
                bodies = [_body(text, method) for text in asked]
                client = _Client(address, dataset)
                client.ask_all(bodies, WARMING)
                _record(recorder, method, count, client.ask_all(bodies, sizes.served_questions))


class _Client:
    """Clients that ask a dataset of a server at the same time, with one key."""

    def __init__(self, address: str, dataset: Dataset) -> None:
        _, text = create_api_key(dataset.tenant, "benchmark")
        self._host = urlsplit(address).netloc
        self._path = f"/v1/datasets/{dataset.pk}/retrieve"
        self._headers = {"Authorization": f"Bearer {text}", "Content-Type": "application/json"}

    def ask_all(self, bodies: Sequence[str], count: int) -> tuple[float, list[float]]:
        """Ask `count` questions; the seconds that all and that each of them took."""
        shares = [list(islice(cycle(bodies), first, count, CLIENTS)) for first in range(CLIENTS)]
        began = perf_counter()
        with ThreadPoolExecutor(CLIENTS) as clients:
            seconds = [one for some in clients.map(self._ask, shares) for one in some]
        return perf_counter() - began, seconds

    def _ask(self, bodies: Sequence[str]) -> list[float]:
        connection = HTTPConnection(self._host, timeout=60)
        seconds = []
        for body in bodies:
            began = perf_counter()
            connection.request("POST", self._path, body, self._headers)
            answer = connection.getresponse()
            text = answer.read()
            seconds.append(perf_counter() - began)
            if answer.status != 200:
                raise SearchRefused(f"The server answered {answer.status}: {text[:300]!r}")
        connection.close()
        return seconds


def _body(text: str, method: str) -> str:
    model = {"search_method": method, "reranking_enable": False, "top_k": 10}
    return json.dumps({"query": text, "retrieval_model": model})


@contextmanager
def _server() -> Iterator[str]:
    """The installation's web server on a free port; yields its address."""
    with listen("127.0.0.1", 0) as listener:
        descriptor, address = listener.fileno(), f"http://127.0.0.1:{port_of(listener)}"
        with subprocess.Popen(
            [sys.executable, "-m", "config.web", str(descriptor)],
            cwd=settings.BASE_DIR,
            env=env.of_installation(settings.SEGMILL_HOME),
            pass_fds=[descriptor],
            stdout=sys.stderr,
        ) as process:
            try:
                _wait_for(address)
                yield address
            finally:
                process.terminate()


def _wait_for(address: str) -> None:
    for _ in range(TRIES):
        connection = HTTPConnection(urlsplit(address).netloc, timeout=60)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse()
        except OSError:
            sleep(PAUSE_SECONDS)
        else:
            return
        finally:
            connection.close()
    raise SearchRefused("The web server of the benchmark has not started.")


def _record(
    recorder: Recorder, method: str, count: int, taken: tuple[float, Sequence[float]]
) -> None:
    seconds, each = taken
    counts = f"{CLIENTS} clients ask {len(each):,} questions on the same machine, 10 hits each"
    slowest = quantiles(each, n=PERCENT, method="inclusive")[94] * 1_000
    measured: tuple[tuple[str, float, Unit], ...] = (
        (f"retrieve, {method}", len(each) / seconds, "answers/s"),
        (f"retrieve, {method}, p95", slowest, "ms"),
    )
    for name, value, unit in measured:
        recorder.record(
            Figure(part=PART, name=name, value=value, unit=unit, rows=count, counts=counts)
        )

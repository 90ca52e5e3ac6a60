"""The part `endpoint`: an import whose model answers after 200 ms, and two that share its budget.

The endpoint's capacity is `CALLS` concurrent requests of `TEXTS` texts; the import is compared
with that. Then two processes import at the same time under a limit of requests per minute, and
the endpoint reports when each request came.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from urllib.request import urlopen

from django.conf import settings

from config import env
from segments.embedding import catalog, get_embedder
from segments.exceptions import ImportRefused
from tests.benchmark import rows
from tests.benchmark.figures import Figure, Recorder, Unit
from tests.benchmark.simulated import SECONDS_A_REQUEST
from tests.benchmark.trial import TENANT, import_file, scratch, warm_up, wipe

PART = "endpoint"
SEED, SEED_SHARED = 6, 7
PROVIDER, MODEL = "openai", "simulated"
CALLS, TEXTS = 4, 16
# Small requests, so that a minute of them is few rows.
SHARED_TEXTS = 4
REQUESTS_PER_MINUTE = 300
PROCESSES = 2
MINUTE = 60.0


def measure(recorder: Recorder) -> None:
    """Time an import, then two that share a budget."""
    warm_up()
    with _endpoint() as url:
        _measure_import(recorder, url)
    with _endpoint() as url:
        _measure_shared(recorder, url)


def _measure_import(recorder: Recorder, url: str) -> None:
    count = recorder.sizes.endpoint
    recorder.step(f"{count:,} rows through an endpoint", 0.0)
    settings.SEGMILL_OPENAI_BASE_URL = url
    settings.SEGMILL_EMBEDDING_CALLS, settings.SEGMILL_EMBEDDING_BATCH_TEXTS = CALLS, TEXTS
    catalog.load.cache_clear()
    get_embedder(PROVIDER, MODEL).embed_passages(["loaded"])
    path = scratch() / "endpoint.csv"
    rows.write_csv(path, count, SEED)
    wipe()
    trial = import_file(path, "endpoint", model=(PROVIDER, MODEL))
    given = TEXTS * CALLS / SECONDS_A_REQUEST
    counts = f"{CALLS} requests of {TEXTS} texts at a time, {SECONDS_A_REQUEST * 1000:.0f} ms each"
    _record(recorder, "endpoint capacity", given, "rows/s", counts)
    _record(recorder, "whole import, endpoint", count / trial.seconds, "rows/s", counts)
    rate = count / trial.job.seconds.embed
    _record(recorder, "its embed phase", rate, "rows/s", counts)


def _measure_shared(recorder: Recorder, url: str) -> None:
    requests = recorder.sizes.requests
    recorder.step(f"{PROCESSES} processes share {REQUESTS_PER_MINUTE} requests per minute", 0.2)
    wipe()
    each = ceil(requests / PROCESSES) * SHARED_TEXTS
    paths = [scratch() / f"shared{number}.csv" for number in range(PROCESSES)]
    for number, path in enumerate(paths):
        rows.write_csv(path, each, SEED_SHARED + number)
    limits = {
        "SEGMILL_OPENAI_BASE_URL": url,
        "SEGMILL_EMBEDDING_CALLS": str(CALLS),
        "SEGMILL_EMBEDDING_BATCH_TEXTS": str(SHARED_TEXTS),
        "SEGMILL_EMBEDDING_REQUESTS_PER_MINUTE": str(REQUESTS_PER_MINUTE),
    }
    processes = [_import_beside(str(path), limits) for path in paths]
    for process in processes:
        if process.wait():
            raise ImportRefused("A benchmark import with a shared budget failed.")
    _record_shared(recorder, _arrivals(url))


def _record_shared(recorder: Recorder, came: Sequence[float]) -> None:
    counts = f"{PROCESSES} processes import at the same time; counted by the endpoint"
    _record(recorder, "allowed requests per minute", REQUESTS_PER_MINUTE, "requests", counts)
    _record(recorder, "most requests in any minute", most_in_a_minute(came), "requests", counts)
    pace = (len(came) - 1) / (came[-1] - came[0]) * MINUTE
    _record(recorder, "average requests per minute", pace, "requests", counts)


def most_in_a_minute(came: Sequence[float]) -> int:
    """The highest number of the times `came`, in ascending seconds, within any one minute."""
    most = first = 0
    for last, moment in enumerate(came):
        while moment - came[first] >= MINUTE:
            first += 1
        most = max(most, last - first + 1)
    return most


def _import_beside(path: str, limits: dict[str, str]) -> subprocess.Popen[bytes]:
    """An import in its own process, into its own dataset: only the budget is shared."""
    model = ["--embedding-provider", PROVIDER, "--embedding-model", MODEL]
    place = ["--tenant", TENANT, "--dataset", path, "--document", "rows", "--create", *model]
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "import_segments", path]
    return subprocess.Popen(
        [*command, *place],
        env=env.of_installation(settings.SEGMILL_HOME) | limits,
        stdout=subprocess.DEVNULL,
    )


@contextmanager
def _endpoint() -> Iterator[str]:
    """A simulated endpoint in its own process; yields its base URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmark.simulated"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            port = process.stdout.readline().strip() if process.stdout else ""
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


def _arrivals(url: str) -> list[float]:
    with urlopen(f"{url}/requests", timeout=MINUTE) as answer:  # noqa: S310  (our own address)
        found: list[float] = json.load(answer)
    return found[1:]  # the first one asked for the dimensions, before there was a budget


def _record(recorder: Recorder, name: str, value: float, unit: Unit, counts: str) -> None:
    count = recorder.sizes.endpoint if unit == "rows/s" else recorder.sizes.requests * SHARED_TEXTS
    recorder.record(Figure(part=PART, name=name, value=value, unit=unit, rows=count, counts=counts))

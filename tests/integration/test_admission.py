"""Large bodies: asked who sends them first, kept below SEGMILL_HOME, cut off early."""

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.test import Client
from waitress import wasyncore

from config.web import listen, port_of, server_for
from datasets.models import Tenant
from segments.services.api_keys import create_api_key

pytestmark = pytest.mark.django_db(transaction=True)

MIB = 1024 * 1024


@pytest.fixture
def address(transactional_db: None) -> Iterator[tuple[str, int]]:
    """Where our web server listens, in threads of this process."""
    listener = listen("127.0.0.1", 0)
    where = ("127.0.0.1", port_of(listener))
    server = server_for(_closing(get_wsgi_application()), [listener], threads=2)
    running = threading.Thread(target=server.run, daemon=True)
    running.start()
    yield where
    server.task_dispatcher.shutdown()
    # By the thread that waits for the sockets: it fails on those another thread closes.
    server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map))
    running.join(10)
    assert not running.is_alive()


def _closing(application: Any) -> Any:
    """Django's server closes a thread's connections to the database; tests count on it."""

    def answer(environ: Any, start_response: Any) -> Iterator[bytes]:
        body = application(environ, start_response)
        try:
            yield from body
        finally:
            body.close()
            connections.close_all()

    return answer


def head(length: int, *headers: str, path: str = "/v1/files/upload") -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Length: {length}",
        "Content-Type: multipart/form-data; boundary=x",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def talk(address: tuple[str, int], first: bytes, then: bytes = b"") -> bytes:
    """What comes back, all of it."""
    with socket.create_connection(address, timeout=20) as talking:
        talking.sendall(first)
        if then:
            talking.sendall(then)
        received = b""
        while portion := talking.recv(65536):
            received += portion
        return received


def test_a_body_without_a_key_is_answered_before_it_is_sent(address: tuple[str, int]) -> None:
    started = time.monotonic()
    answer = talk(address, head(200 * MIB))

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"Authorization header must be provided" in answer
    assert time.monotonic() - started < 5


def test_who_sends_on_gets_the_answer_and_nothing_is_stored(
    address: tuple[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    written: list[int] = []
    real = tempfile.TemporaryFile

    def noted(*args: Any, **kwargs: Any) -> Any:
        written.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(tempfile, "TemporaryFile", noted)

    answer = talk(address, head(3 * MIB), b"x" * 3 * MIB)

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert not written


def test_who_waits_to_be_asked_is_refused_without_being_asked(address: tuple[str, int]) -> None:
    answer = talk(address, head(3 * MIB, "Expect: 100-continue"))
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_a_file_over_the_limit_is_cut_off(address: tuple[str, int], tenant: Tenant) -> None:
    key = f"Authorization: Bearer {create_api_key(tenant, 'tests')[1]}"
    answer = talk(address, head(4096 * MIB, key))

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"SEGMILL_MAX_FILE_BYTES" in answer


def test_long_json_is_cut_off(address: tuple[str, int], tenant: Tenant) -> None:
    key = f"Authorization: Bearer {create_api_key(tenant, 'tests')[1]}"
    asked = head(20 * MIB, key, path="/v1/datasets").replace(
        b"multipart/form-data; boundary=x", b"application/json"
    )
    answer = talk(address, asked)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"body_too_large" in answer


@pytest.mark.parametrize("expects", [(), ("Expect: 100-continue",)])
def test_with_a_key_the_file_arrives(
    address: tuple[str, int], tenant: Tenant, expects: tuple[str, ...]
) -> None:
    key = f"Authorization: Bearer {create_api_key(tenant, 'tests')[1]}"
    content = b"x" * MIB
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        + content
        + b"\r\n--x--\r\n"
    )

    answer = talk(address, head(len(body), key, "Connection: close", *expects), body)

    assert b"HTTP/1.1 201 " in answer
    assert b'"size":%d' % len(content) in answer


def test_a_form_of_the_admin_needs_a_session(address: tuple[str, int]) -> None:
    """Of nobody, the body is not received; of a user it is, and is answered as ever."""
    form = b"a=" + b"x" * MIB
    asked = head(len(form), "Connection: close", path="/admin/segments/importjob/upload/").replace(
        b"multipart/form-data; boundary=x", b"application/x-www-form-urlencoded"
    )
    assert b"HTTP/1.1 100" not in talk(address, asked)

    client = Client()
    client.force_login(User.objects.create_superuser("ann"))
    session = f"Cookie: sessionid={client.cookies['sessionid'].value}"
    answer = talk(address, asked.replace(b"Host:", f"{session}\r\nHost:".encode()), form)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"CSRF" in answer or b"403" in answer

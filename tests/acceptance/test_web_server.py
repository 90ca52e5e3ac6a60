"""The web server as production starts it: at an address, behind a proxy that speaks HTTPS."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest

from config.web import listen, port_of

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 60
HOST = "segmill.example.org"
BY_HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are answers like others here."""

    def redirect_request(self, *args: object) -> None:
        return None


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where a server listens that has neither database nor cache to talk to."""
    with listen("127.0.0.1", 0) as free:
        where = f"127.0.0.1:{port_of(free)}"
    environment = os.environ | {
        "DATABASE_URL": "postgres://nobody@127.0.0.1:9/none",
        "SEGMILL_HTTPS": "true",
        "SEGMILL_TRUSTED_PROXY": "127.0.0.1",
        "SEGMILL_ALLOWED_HOSTS": HOST,
    }
    server = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "config.web", where], cwd=ROOT, env=environment
    )
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while not _answers(where):
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield where
    finally:
        server.kill()  # a polite end takes it five seconds; test_run.py has one
        server.wait(WAIT_SECONDS)


def _answers(where: str) -> bool:
    try:
        ask(where, "/healthz")
    except urllib.error.URLError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: str


def ask(where: str, path: str, headers: Mapping[str, str] | None = None) -> Answer:
    request = urllib.request.Request(f"http://{where}{path}", headers=dict(headers or {}))
    try:
        answer = urllib.request.build_opener(NoRedirect).open(request, timeout=30)
    except urllib.error.HTTPError as refusal:
        answer = refusal
    with answer:
        return Answer(answer.status, answer.headers, answer.read().decode())


def test_it_lives_without_a_database_and_is_not_ready(address: str) -> None:
    assert ask(address, "/healthz").status == 200

    answer = ask(address, "/readyz")
    assert answer.status == 503
    assert '"database": "does not answer"' in answer.body
    assert "127.0.0.1" not in answer.body
    assert "nobody" not in answer.body


def test_plain_http_is_sent_to_https(address: str) -> None:
    answer = ask(address, "/admin/login/?next=/", {"Host": HOST})

    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{HOST}/admin/login/?next=/"


def test_by_https_pages_come_and_cookies_are_kept_to_it(address: str) -> None:
    answer = ask(address, "/admin/login/", {"Host": HOST} | BY_HTTPS)

    assert answer.status == 200
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=3600")


def test_a_client_of_the_proxy_is_not_this_machine(address: str) -> None:
    assert ask(address, "/metrics", BY_HTTPS).status == 403

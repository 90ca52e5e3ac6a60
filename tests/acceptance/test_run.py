"""`manage.py run`: started by one command, looked after, and gone when it is told to go."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from config.web import listen, port_of

from .site import PROJECT, Site, own_home

WAIT_SECONDS = 60


@pytest.fixture
def home() -> Iterator[Path]:
    with own_home() as home:
        yield home


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def status(address: str) -> int:
    try:
        with urllib.request.urlopen(f"{address}/admin/login/", timeout=30) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.URLError:
        return 0


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process whose environment names the home."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SEGMILL_HOME") == str(home):
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]


def kinds(home: Path) -> set[str]:
    """What runs for the home, by the words of its command line."""
    words = {"web": "config.web", "workers": "qcluster", "supervisor": "run"}
    lines = [process.cmdline() for process in processes_of(home)]
    return {kind for kind, word in words.items() if any(word in line for line in lines)}


def test_one_command_starts_all_and_ctrl_c_leaves_nothing(home: Path) -> None:
    with Site(home, "--port", "0") as site:
        assert status(site.address) == 200
        wait_until(lambda: kinds(home) == {"web", "workers", "supervisor"})
        user = "from django.contrib.auth.models import User; "
        check = f"print(User.objects.get(username='admin').check_password({site.password!r}))"
        assert site.python(user + check) == "True"

        assert site.stop(signal.SIGINT) == 0
        assert site.lines[-1] == "Stopped."
        wait_until(lambda: not processes_of(home))

    with Site(home, "--port", "0", "--reset-admin-password") as renewed:
        assert renewed.password != site.password
        assert renewed.stop(signal.SIGTERM) == 0
    wait_until(lambda: not processes_of(home))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """One that the tests of a running one share."""
    with own_home() as home, Site(home, "--port", "0") as site:
        yield site


def test_what_dies_is_started_again_at_the_same_address(site: Site) -> None:
    assert status(site.address) == 200
    (web,) = [one for one in processes_of(site.home) if "config.web" in one.cmdline()]
    web.kill()

    site.wait_for("The web server ended with code -9")
    wait_until(lambda: status(site.address) == 200)


def test_a_home_runs_once(site: Site) -> None:
    command = [sys.executable, "manage.py", "run", "--port", "0"]
    second = subprocess.run(
        command, cwd=PROJECT, env=site.environment, capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert f"is already running for this home, at {site.address}/admin/" in second.stderr


def test_a_port_that_is_taken_is_refused_in_words(home: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = port_of(taken)
        command = [sys.executable, "manage.py", "run", "--port", str(port)]
        refused = subprocess.run(
            command,
            cwd=PROJECT,
            env=os.environ | {"SEGMILL_HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert refused.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in refused.stderr
    assert "--port" in refused.stderr
    assert "Traceback" not in refused.stderr

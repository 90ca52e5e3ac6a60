"""The README as typed: every command block, in a fresh checkout with a fresh home, in its order."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.web import listen, port_of

PROJECT = Path(__file__).resolve().parents[2]
BLOCKS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LIMIT_SECONDS = 240
PORT = "127.0.0.1:8000"
# What one of the blocks shows, by what it begins with.
SHOWS = {
    "make demo": "Ask a question of your own",
    "cat > faq.csv": "Hold the red button",
    "KEY=": '"name":"Handbook"',
    "make stop": "",
    "rm -rf var": "Ask a question of your own",
}


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A copy of what is in the repository, with the installed packages, without a home."""
    folder = Path(tempfile.mkdtemp(prefix="sm-"))  # short: sockets have paths of 107 characters
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if (PROJECT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    for path in folder.glob("requirements*.txt"):
        os.utime(path, (0, 0))  # what they name is installed, by whomever
    for stamp in (".application", ".installed"):
        Path(sys.prefix, "bin", stamp).touch()
    yield folder
    subprocess.run(["make", "stop"], cwd=folder, env=environment(), check=True)
    shutil.rmtree(folder)


def environment(**more: str) -> dict[str, str]:
    """What a new terminal has."""
    ours = ("SEGMILL_HOME", "DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "MAKEFLAGS")
    return {name: value for name, value in os.environ.items() if name not in ours} | more


def typed(block: str, folder: Path) -> str:
    """What a shell shows when the block is typed into it."""
    outcome = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert outcome.returncode == 0, f"{block}\n{outcome.stdout}"
    return outcome.stdout


def start(folder: Path, port: str) -> subprocess.Popen[str]:
    """`make run`, once it says where it is; on a port of its own, as others may have 8000."""
    running = subprocess.Popen(
        ["make", "run"],
        cwd=folder,
        env=environment(ARGS=f"--port {port}"),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stdout is not None
    deadline = time.monotonic() + LIMIT_SECONDS
    for line in running.stdout:
        assert time.monotonic() < deadline
        if line.startswith("Ctrl-C"):
            break
    return running


def stop(running: subprocess.Popen[str]) -> None:
    """Ctrl-C."""
    os.killpg(running.pid, signal.SIGINT)
    running.communicate(timeout=LIMIT_SECONDS)


def test_every_command_block(checkout: Path) -> None:
    with listen("127.0.0.1", 0) as listener:
        port = str(port_of(listener))
    blocks = BLOCKS.findall((PROJECT / "README.md").read_text())
    running = None
    try:
        for block in blocks:
            if block == "make run\n":
                running = start(checkout, port)
                continue
            if running and block.startswith("make stop"):
                stop(running)
                running = None
            shown = typed(block.replace(PORT, f"127.0.0.1:{port}"), checkout)
            (expected,) = (words for first, words in SHOWS.items() if block.startswith(first))
            assert expected in shown, f"{block}\n{shown}"
    finally:
        if running:
            stop(running)
    assert len(blocks) > len(SHOWS), "every block is one that this test knows"

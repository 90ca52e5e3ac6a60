"""What all tests share: servers, and makers of the things imports need."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import TransactionTestCase
from pytest_django import Settings

from tests.emptying import empty_tables
from tests.servers.embeddings import EmbeddingsServer, embeddings_server

FILES = Path(__file__).parent / "files"
# How long an example takes says more of the machine, and of what it is the first to load.
hypothesis.settings.register_profile("unhurried", hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def heard_interrupts() -> None:
    """A shell has what it starts in the background ignore Ctrl-C, and so would what tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def quick_emptying() -> Iterator[None]:
    """Committed rows are deleted after a test, instead of truncating every table."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_tables)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Hashing a password takes half a second on purpose, and many tests make users."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", 1)
        yield


@pytest.fixture
def small_chunks(settings: Settings) -> int:
    """A few rows make several chunks; the number of rows in one."""
    settings.SEGMILL_CHUNK_ROWS = 4
    return 4


@pytest.fixture
def write_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of the test's own and returns its path."""

    def write(content: str | bytes, name: str = "segments.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def server() -> Iterator[EmbeddingsServer]:
    """A server of embeddings that does as it is told, rightly or wrongly."""
    with embeddings_server() as running:
        yield running


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tries again does so at once."""
    monkeypatch.setattr("segments.embedding.rate_limits.FIRST_PAUSE_SECONDS", 0.001)

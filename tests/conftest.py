"""What all tests share: a home of their own, and makers of the things imports need."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

# Before Django reads its settings: tests never touch the home of the person who runs them.
_home = tempfile.TemporaryDirectory(prefix="segmill-", ignore_cleanup_errors=True)
os.environ["SEGMILL_HOME"] = _home.name

import pytest  # noqa: E402
from pytest_django import Settings  # noqa: E402

from tests.servers.embeddings import EmbeddingsServer, embeddings_server  # noqa: E402

FILES = Path(__file__).parent / "files"


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
    monkeypatch.setattr("segments.embedding.patience.FIRST_PAUSE_SECONDS", 0.001)

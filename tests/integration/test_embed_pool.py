"""Processes that help a foreground import to embed: what they do, and what is left if they fail."""

import errno
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pytest_django import Settings

from datasets.models import Document
from segments.embedding import Vectors
from segments.embedding.base import Batching
from segments.embedding.providers.wordllama import WordLlamaEmbedder
from segments.files.types import Listener, Progress
from segments.imports import embed_pool, runner
from segments.imports.publish import publish
from segments.jobs.state_machine import JobClaim
from segments.models import Chunk, DocumentSegment, ImportJob
from segments.models.import_job import ImportStatus

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

PARENT = os.getpid()
ROWS = "question,answer\n" + "".join(f"question {n},answer {n}\n" for n in range(1, 31))
Act = Callable[[], None]


@pytest.fixture(autouse=True)
def two_processes(monkeypatch: pytest.MonkeyPatch, small_chunks: int) -> None:
    monkeypatch.setattr("segments.imports.embed_pool.THREADS", 2)
    monkeypatch.setattr(embed_pool, "ROWS_A_PROCESS", 1)


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The processes that embedded chunks, as far as imports have come to publishing."""
    found: set[str] = set()

    def look(claim: JobClaim, listener: Listener) -> None:
        names = Chunk.objects.values_list("lease_owner", flat=True)
        found.update(name.split(":")[1] for name in names)
        publish(claim, listener)

    monkeypatch.setattr(runner, "publish", look)
    return found


@pytest.fixture
def in_helper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Act], None]:
    """What the helper does with the first texts it gets; before that, its parent embeds none."""
    embed, came = WordLlamaEmbedder.embed_passages, tmp_path / "came"

    def install(act: Act) -> None:
        def embed_passages(self: WordLlamaEmbedder, texts: Sequence[str]) -> Vectors:
            if os.getpid() == PARENT:
                wait_for(came.exists)
            elif not came.exists():
                came.touch()
                act()
            return embed(self, texts)

        monkeypatch.setattr(WordLlamaEmbedder, "embed_passages", embed_passages)

    return install


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def nothing() -> None:
    """As a helper should."""


def break_down() -> None:
    raise RuntimeError("out of order")


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def assert_whole(imported: ImportJob) -> None:
    assert (imported.status, imported.error) == (ImportStatus.COMPLETED, "")
    segments = DocumentSegment.objects.order_by("position")
    assert [segment.content for segment in segments] == [f"question {n}" for n in range(1, 31)]
    assert all(segment.embedding is not None for segment in segments)
    assert imported.rows_embedded == 30


def test_two_processes_share_the_chunks(
    document: Document,
    import_text: ImportText,
    in_helper: Callable[[Act], None],
    owners: set[str],
) -> None:
    in_helper(nothing)
    assert_whole(import_text(document, ROWS))
    assert len(owners) == 2
    assert str(PARENT) in owners


@pytest.mark.parametrize("act", [break_down, be_killed])
def test_what_a_helper_leaves_is_done_by_its_parent(
    act: Act, document: Document, import_text: ImportText, in_helper: Callable[[Act], None]
) -> None:
    in_helper(act)
    assert_whole(import_text(document, ROWS))


def test_a_helper_that_hangs_is_waited_for_as_long_as_its_lease(
    document: Document,
    import_text: ImportText,
    in_helper: Callable[[Act], None],
    settings: Settings,
) -> None:
    settings.SEGMILL_LEASE_SECONDS = 1
    in_helper(hang)
    assert_whole(import_text(document, ROWS))
    assert not multiprocessing.active_children()


def test_whoever_stops_an_import_stops_its_helpers(
    document: Document, import_text: ImportText, in_helper: Callable[[Act], None]
) -> None:
    def stop(progress: Progress) -> None:
        if progress.phase == ImportStatus.EMBEDDING:
            raise KeyboardInterrupt

    in_helper(hang)
    stopped = import_text(document, ROWS, listener=stop)
    assert stopped.status == ImportStatus.CANCELLED
    assert not multiprocessing.active_children()
    assert not DocumentSegment.objects.exists()


def test_where_no_process_can_be_started_threads_do_it(
    document: Document,
    import_text: ImportText,
    owners: set[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def no_more() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", no_more)
    assert_whole(import_text(document, ROWS))
    assert owners == {str(PARENT)}
    assert "only 0 of 1 helpers could be started" in caplog.text


def test_a_model_that_is_waited_for_needs_no_helpers(
    document: Document,
    import_text: ImportText,
    owners: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(WordLlamaEmbedder, "batching", Batching(1_024))
    assert_whole(import_text(document, ROWS))
    assert owners == {str(PARENT)}


def test_helpers_end_with_their_parent() -> None:
    """Also when it is killed and can tell them nothing any more."""
    script = """
import os, signal, time
import django
django.setup()
from segments.imports.embed_pool import start_helpers

def work(stop):
    while not stop():
        time.sleep(0.01)

(helper,) = start_helpers(1, work)
print(helper.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    stat = Path("/proc", ran.stdout.strip(), "stat")
    wait_for(lambda: not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z")


def test_garbage_is_looked_for_seldom_while_an_import_runs(
    document: Document, import_text: ImportText
) -> None:
    seen = set[int]()

    def look(progress: Progress) -> None:
        seen.add(gc.get_threshold()[0])

    import_text(document, ROWS, listener=look)

    assert seen == {runner.OBJECTS_BETWEEN_LOOKS}

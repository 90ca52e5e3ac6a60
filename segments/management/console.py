"""How commands talk to people: progress bars, output files, Ctrl-C."""

import signal
import socket
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from types import FrameType, TracebackType
from typing import Self, TextIO, TypeVar
from weakref import WeakSet

import psycopg2
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from rich.console import Console
from rich.progress import (
    BarColumn,
    ProgressColumn,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    track,
)
from rich.progress import (
    Progress as Bar,
)

from datasets.wording import how_many
from segments.exceptions import FileUnwritable
from segments.files.types import Progress
from segments.models.import_job import ImportStatus


def write_file(path: Path, portions: Iterator[bytes]) -> int:
    """Write `portions` to `path`, replacing what is there once all are written; their bytes.

    Raises:
        FileUnwritable: the folder is missing, full, or not ours to write to.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            part = Path(file.name)
            try:
                size = sum(file.write(portion) for portion in portions)
                file.close()
                part.chmod(0o644)
                part.replace(path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
    except OSError as trouble:
        raise FileUnwritable(f"{path} cannot be written: {trouble.strerror}.") from trouble
    return size


# SIGHUP: the terminal was closed.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Python hears a signal between two of its own steps. Not having heard it for as long, the main
# thread waits inside the database driver, and its statement has to be ended first.
UNHEARD_SECONDS = 0.5


@contextmanager
def raised_as_keyboard_interrupt() -> Iterator[None]:
    """Within, the first stop signal raises KeyboardInterrupt, and no further one does.

    So what is done about the first is not cut short by an impatient second. A signal that was
    ignored before (`nohup`) stays ignored. In another than the main thread this does nothing,
    as signals do not arrive there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if not heard.is_set():
            heard.set()
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    taken = {number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)}
    with _statements_ended_if_need_be(heard):
        for number in taken:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for number, old in taken.items():
                signal.signal(number, old)


@contextmanager
def _statements_ended_if_need_be(heard: threading.Event) -> Iterator[None]:
    """End statements that keep us from stopping.

    That of the main thread, when it does not hear the first signal; those of other threads,
    which the main thread waits for, when an impatient user sends a second one.
    """
    ours, others = connections[DEFAULT_DB_ALIAS], WeakSet[BaseDatabaseWrapper]()
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def watch() -> None:
        reader.recv(1)
        if not heard.wait(UNHEARD_SECONDS):
            _end_statement(ours)
        while reader.recv(1):
            for other in others:
                _end_statement(other)

    def remember(connection: BaseDatabaseWrapper, **kwargs: object) -> None:
        if connection is not ours:
            others.add(connection)

    watcher = threading.Thread(target=watch, name="signals", daemon=True)
    watcher.start()
    connection_created.connect(remember)
    old = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(old)
        connection_created.disconnect(remember)
        writer.close()
        watcher.join()
        reader.close()


def _end_statement(connection: BaseDatabaseWrapper) -> None:
    if connection.connection is not None:
        with suppress(psycopg2.Error):  # it was closed in this moment
            connection.connection.cancel()


PHASES: dict[str, str] = {
    ImportStatus.WAITING: "Waiting for a worker",
    ImportStatus.PREPARING: "Reading and checking",
    ImportStatus.EMBEDDING: "Embedding",
    ImportStatus.PUBLISHING: "Publishing",
    ImportStatus.COMPLETED: "Completed",
}
# In a pipe: a line a phase, and while a phase is long, one every so many seconds.
SECONDS_BETWEEN_LINES = 5.0
SECONDS_BEFORE_RATE = 0.2
# A millionth: less progress is too little to estimate the end.
SMALLEST_SHARE = 1e-6


class Display:
    """Shows progress on `stream` within its block: a bar on a terminal, lines in a pipe."""

    def __init__(self, stream: TextIO, *columns: ProgressColumn | str) -> None:
        self._stream = stream
        self._bar = Bar(*columns, console=Console(file=stream)) if stream.isatty() else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def _write_line(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


class ProgressDisplay(Display):
    """A listener of an import that shows its phase, rows, rate and time left."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(
            stream,
            SpinnerColumn(),
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rows]}"),
            TimeRemainingColumn(),
        )
        self._phase, self._began, self._told = "", 0.0, 0.0
        # What an earlier run embedded does not count as work of this one.
        self._rows_before, self._fraction_before = 0, 0.0

    def __call__(self, progress: Progress) -> None:
        """Show `progress`."""
        is_new = progress.phase != self._phase
        if is_new:
            self._phase, self._began = progress.phase, monotonic()
            is_resumed = progress.phase == ImportStatus.EMBEDDING
            self._rows_before = progress.rows if is_resumed else 0
            self._fraction_before = (progress.fraction or 0.0) if is_resumed else 0.0
        rate = self._rate(progress)
        if self._bar:
            self._move(self._bar, progress, rate, is_new)
        elif is_new or monotonic() - self._told > SECONDS_BETWEEN_LINES:
            self._told = monotonic()
            self._write_line(self._line(progress, rate))

    def _rate(self, progress: Progress) -> float:
        """Rows per second since the phase began; 0 while that is too short to say."""
        seconds = monotonic() - self._began
        rows = progress.rows - self._rows_before
        return rows / seconds if seconds > SECONDS_BEFORE_RATE else 0.0

    def _move(self, bar: Bar, progress: Progress, rate: float, is_new: bool) -> None:
        if is_new:
            for task in bar.tasks:
                bar.update(task.id, completed=task.total or 1, total=task.total or 1)
            bar.add_task(_name(progress), total=None, rows="")
        total = None if progress.fraction is None else 1.0
        rows = how_many(progress.rows, "row") + (f"  {rate:,.0f}/s" if rate else "")
        bar.update(bar.tasks[-1].id, total=total, completed=progress.fraction or 0.0, rows=rows)

    def _line(self, progress: Progress, rate: float) -> str:
        parts = [_name(progress)]
        if progress.fraction is not None:
            parts.append(f"{progress.fraction:.0%}")
        if progress.rows:
            parts.append(how_many(progress.rows, "row"))
        if rate:
            parts.append(f"{rate:,.0f} rows/s")
        if rate and progress.fraction and progress.fraction < 1:
            spent = monotonic() - self._began
            done = max(progress.fraction - self._fraction_before, SMALLEST_SHARE)
            left = spent * (1 - progress.fraction) / done
            parts.append(f"{left:,.0f} s left")
        return "  ".join(parts)


def _name(progress: Progress) -> str:
    return PHASES.get(progress.phase, progress.phase)


T = TypeVar("T")


def counted(items: Sequence[T], title: str, stream: TextIO) -> Iterator[T]:
    """`items`, one by one, with a bar on `stream` if it is a terminal, else with one line."""
    if stream.isatty():
        yield from track(items, title, console=Console(file=stream), transient=True)
    else:
        stream.write(f"{title}: {len(items):,}\n")
        yield from items


def watched(portions: Iterable[bytes], title: str, stream: TextIO) -> Iterator[bytes]:
    """`portions`, one by one, showing progress on `stream` if it is a terminal."""
    if stream.isatty():
        console = Console(file=stream)
        yield from track(portions, title, total=None, console=console, transient=True)
    else:
        yield from portions

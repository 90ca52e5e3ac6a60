"""Dry runs beside the web server, in processes of their own that web threads ask.

Reading a large file in a web thread would take the processor from all others. So a web server
that has called `use` hands it to a process of its own, which works at low priority; the thread
waits. There are at most `PROCESSES` of them, started when they are needed, and they end when
nobody has asked for a while. Both sides are the same program, so they speak by pickles.
"""

import os
import pickle
import select
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from tempfile import NamedTemporaryFile
from typing import IO, Any, BinaryIO

from django.db import close_old_connections

from datasets.exceptions import SegmillError
from datasets.models import Document
from segments.exceptions import FileTooSlow, PreviewsBusy
from segments.files.options import ImportOptions
from segments.imports.dry_run import DryRun
from segments.services.imports import dry_run_import

PROCESSES = 2
# Threads that wait for them; the others serve what is quick.
MOST_WAITING = 4
# An hour's file is imported, not looked at.
WALL_SECONDS = 300
IDLE_SECONDS = 600
NICE = 10
LENGTH = struct.Struct(">Q")
PACKAGE_ROOT = Path(__file__).parents[3]
# Models can be imported only after the setup.
PROGRAM = "import django; django.setup(); from segments.services.previews.aside import main; main()"


@dataclass(frozen=True, slots=True)
class Order:
    """A file to look at, which the other process opens by its path."""

    document: Document
    path: str
    name: str
    size: int
    most_rows: int | None
    options: ImportOptions


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of ours, which pickle could not rebuild from its message."""

    kind: type[SegmillError]
    message: str
    fields: dict[str, Any]

    def rebuilt(self) -> SegmillError:
        """The error."""
        error = self.kind.__new__(self.kind)
        Exception.__init__(error, self.message)
        error.__dict__.update(self.fields)
        return error


class Processes:
    """The processes of this web server that look at files."""

    def __init__(self) -> None:
        self.is_used = False
        self._idle = Queue[subprocess.Popen[bytes] | None]()
        for _ in range(PROCESSES):
            self._idle.put(None)
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)

    def dry_run(
        self,
        document: Document,
        file: BinaryIO,
        name: str,
        size: int,
        most_rows: int | None,
        options: ImportOptions,
    ) -> DryRun:
        """As `dry_run_import`, in one of the processes.

        Raises:
            PreviewsBusy: too many wait for one.
            FileTooSlow: it takes too long.
            SegmillError: as `dry_run_import`.
        """
        if not self._waiting.acquire(blocking=False):
            raise PreviewsBusy
        try:
            with _on_disk(file) as path, self._one() as process:
                return _ask(process, Order(document, path, name, size, most_rows, options))
        finally:
            self._waiting.release()

    @contextmanager
    def _one(self) -> Iterator[subprocess.Popen[bytes]]:
        """One that lives, for this thread alone."""
        try:
            found = self._idle.get(timeout=WALL_SECONDS)
        except Empty:
            raise PreviewsBusy from None
        try:
            if found is None or found.poll() is not None:
                found = _started()
            yield found
        finally:
            self._idle.put(found)


BESIDE = Processes()


def use() -> None:
    """Have dry runs made beside this process from now on: for web servers."""
    BESIDE.is_used = True


def _started() -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(PACKAGE_ROOT), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
    )


@contextmanager
def _on_disk(file: Any) -> Iterator[str]:
    """The path of the file; a copy if it has none, as one that is kept elsewhere."""
    named = getattr(file, "temporary_file_path", None)
    path = named() if named else getattr(file, "name", None)
    if isinstance(path, str) and Path(path).is_absolute() and Path(path).is_file():
        yield path
        return
    with NamedTemporaryFile(prefix="segmill-preview-") as copy:
        file.seek(0)
        shutil.copyfileobj(file, copy)
        copy.flush()
        yield copy.name


def _ask(process: subprocess.Popen[bytes], order: Order) -> DryRun:
    assert process.stdin is not None  # noqa: S101  (both were asked for)
    assert process.stdout is not None  # noqa: S101
    watch = threading.Timer(WALL_SECONDS, process.kill)
    watch.daemon = True
    watch.start()
    try:
        _send(process.stdin, order)
        answer = _receive(process.stdout)
    except (OSError, EOFError) as ended:
        process.kill()
        process.wait()
        raise FileTooSlow(
            f"{order.name} takes too long, or too much memory, to be looked at. Start the import, "
            "or split the file."
        ) from ended
    finally:
        watch.cancel()
    if isinstance(answer, Refusal):
        raise answer.rebuilt()
    if not isinstance(answer, DryRun):
        raise RuntimeError(f"The preview of {order.name} failed: {answer}")
    return answer


def _send(stream: IO[bytes], value: Any) -> None:
    packed = pickle.dumps(value)
    stream.write(LENGTH.pack(len(packed)) + packed)
    stream.flush()


def _receive(stream: "IO[bytes] | _Whole") -> Any:
    """What the other side has sent.

    Raises:
        EOFError: it has ended.
    """
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    (length,) = LENGTH.unpack(head)
    return pickle.loads(stream.read(length))  # noqa: S301  (of our own process)


def _look(order: Order) -> DryRun | Refusal | str:
    close_old_connections()
    try:
        with Path(order.path).open("rb") as file:
            return dry_run_import(
                order.document,
                file,
                order.name,
                order.size,
                most_rows=order.most_rows,
                options=order.options,
            )
    except SegmillError as error:
        return Refusal(type(error), str(error), vars(error))
    except Exception as trouble:  # noqa: BLE001  (whoever asked raises it)
        return f"{type(trouble).__name__}: {trouble}"
    finally:
        close_old_connections()


def main() -> None:
    """Look at what is asked for, until nobody asks any more."""
    with suppress(OSError):
        os.nice(NICE)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    orders = os.fdopen(0, "rb", buffering=0)
    while select.select([orders], [], [], IDLE_SECONDS)[0]:
        try:
            order = _receive(_Whole(orders))
        except EOFError:
            return
        _send(answers, _look(order))


class _Whole:
    """An unbuffered pipe, read to the length that is wanted: `select` knows of no buffer."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe

    def read(self, length: int) -> bytes:
        parts = []
        while length and (part := self._pipe.read(min(length, 1 << 20))):
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

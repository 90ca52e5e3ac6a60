"""Runs the converter of a document in a process of its own, bounded in memory and time."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import UnsupportedOperation
from pathlib import Path
from typing import IO, Any

from segments import exceptions
from segments.exceptions import FileRefused, FileTooLarge, FileTooSlow
from segments.files.documents.blocks import MAX_BLOCK_CHARS, Block, Line
from segments.files.opened import OpenedFile
from segments.files.types import FileFormat

# A manual of 5,000 pages takes a minute. The processor time is bounded too, by the process itself.
WALL_SECONDS = 900
# JSON writes a character in at most 12 bytes.
LONGEST_LINE = 12 * MAX_BLOCK_CHARS + 1_000
MAX_TEXT_CHARS = 256 * 1024 * 1024
TRACE_BYTES = 4_000
# Formats that are text in some encoding.
TEXTS = frozenset({FileFormat.HTML, FileFormat.MD})
PACKAGE_ROOT = Path(exceptions.__file__).parents[2]
REFUSALS: dict[str, type[FileRefused]] = {
    error.code: error
    for error in (
        exceptions.FileDamaged,
        exceptions.FileEmpty,
        exceptions.FileProtected,
        exceptions.FileRefused,
        exceptions.FileTooLarge,
        exceptions.FormatUnknown,
    )
}
SAVE_AGAIN = (
    "Open it in the program that made it and save it again, or save its text as plain text."
)


def converted(opened: OpenedFile, kind: FileFormat, notices: list[str]) -> Iterator[Block]:
    """The blocks of a document of the format `kind`, as the converter sends them.

    Notices are added to `notices`. The process ends with the iteration, however that ends.

    Raises:
        FileRefused: it cannot be converted within the bounds; the text says what to do.
    """
    with _seekable(opened) as source, tempfile.TemporaryFile() as trace:
        encoding = opened.encoding.codec if kind in TEXTS else ""
        process = _started(source, kind, encoding, trace)
        watch = threading.Timer(WALL_SECONDS, process.kill)
        watch.daemon = True
        watch.start()
        try:
            yield from _received(process, opened.name, notices, trace)
        finally:
            watch.cancel()
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def _started(
    source: IO[bytes], kind: str, encoding: str, trace: IO[bytes]
) -> subprocess.Popen[bytes]:
    """The converter; it gets nothing of this process's environment, as secrets may be in it."""
    environment = {
        "PYTHONPATH": os.pathsep.join([str(PACKAGE_ROOT), *filter(None, sys.path)]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "segments.files.documents", kind, encoding],
        stdin=source,
        stdout=subprocess.PIPE,
        stderr=trace,
        env=environment,
        cwd="/",
        start_new_session=True,
    )


@contextmanager
def _seekable(opened: OpenedFile) -> Iterator[IO[bytes]]:
    """The file at its beginning as the system knows it; a copy, if it has it not or packed."""
    if not opened.is_packed:
        with suppress(AttributeError, UnsupportedOperation, OSError):
            source = opened.source
            source.seek(0)
            os.lseek(source.fileno(), 0, os.SEEK_SET)
            yield source
            return
    with tempfile.TemporaryFile() as copy:
        opened.content.seek(0)
        shutil.copyfileobj(opened.content, copy)
        copy.seek(0)
        yield copy


def _received(
    process: subprocess.Popen[bytes], name: str, notices: list[str], trace: IO[bytes]
) -> Iterator[Block]:
    chars = 0
    for kind, values in _lines(process, name, trace):
        if kind == Line.BLOCK:
            block = Block(*values)
            chars += len(block.text)
            if chars > MAX_TEXT_CHARS:
                raise FileTooLarge(f"{name} has more than {MAX_TEXT_CHARS:,} characters. Split it.")
            yield block
        elif kind == Line.NOTICE:
            notices.append(values[0])
        elif kind == Line.REFUSED:
            code, reason = values
            raise REFUSALS.get(code, FileRefused)(reason.replace("{name}", name))


def _lines(
    process: subprocess.Popen[bytes], name: str, trace: IO[bytes]
) -> Iterator[tuple[str, list[Any]]]:
    """What the converter says, to the end it announces.

    Raises:
        FileRefused: it ended before.
    """
    assert process.stdout is not None  # noqa: S101  (it was asked for)
    while line := process.stdout.readline(LONGEST_LINE):
        try:
            kind, *values = json.loads(line)
        except ValueError:  # it was ended in the middle of a line
            break
        if kind == Line.END:
            return
        yield kind, values
        if kind == Line.REFUSED:
            return
    raise _broken_off(process, name, trace)


def _broken_off(process: subprocess.Popen[bytes], name: str, trace: IO[bytes]) -> FileRefused:
    """Why the converter ended too early, by how it ended."""
    code = process.wait()
    if code == -signal.SIGXCPU or code == -signal.SIGKILL:
        return FileTooSlow(
            f"{name} takes too long to be converted, or too much memory. Split it, or save its "
            "text as plain text."
        )
    trace.seek(0)
    trouble = trace.read()[-TRACE_BYTES:].decode(errors="replace").strip().splitlines()
    what = f" ({trouble[-1][:200]})" if trouble else ""
    return FileRefused(f"{name} could not be converted: the converter failed{what}. {SAVE_AGAIN}")

"""Locks between processes that the kernel frees when their holder ends, however it ends.

`flock` belongs to the opened file, not to the process: a forked child shares its parent's
lock and could free or change it. So a child closes what it inherited at once and opens its
own when it needs one.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE_MODE = 0o600

_open_files: set[int] = set()


def acquire_shared(path: Path) -> int:
    """Wait for a shared lock on `path`, made if missing; returns the file to `close`."""
    return _acquire(path, fcntl.LOCK_SH)


def close(file: int) -> None:
    """Give up a lock, unless another process has inherited the file and still has it open."""
    _open_files.discard(file)
    os.close(file)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Wait for the only lock on `path`, made if missing."""
    file = _acquire(path, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
        close(file)


@contextmanager
def exclusive_if_free(path: Path) -> Iterator[int | None]:
    """Try for the exclusive lock on `path`: yields its file, or None if another process holds one.

    A program that is started with the file open has the lock until it ends.
    """
    try:
        file = _acquire(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield None
        return
    try:
        yield file
    finally:
        close(file)


def is_free(path: Path) -> bool:
    """Whether no process holds a lock on `path` at the moment."""
    with exclusive_if_free(path) as file:
        return file is not None


def _acquire(path: Path, operation: int) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, LOCK_FILE_MODE)
    _open_files.add(file)
    try:
        fcntl.flock(file, operation)
    except BaseException:
        close(file)
        raise
    return file


def _close_inherited() -> None:
    for file in _open_files:
        os.close(file)
    _open_files.clear()


os.register_at_fork(after_in_child=_close_inherited)

"""The points at which a fault can be injected, found by running the code.

A point is an SQL statement, a COPY, a COMMIT, an access to the file storage or a call of the
model, in any thread. A `Tap` counts points as they occur and injects one fault at one of them.
"""

import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Any
from unittest.mock import patch

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from segments.embedding.providers.wordllama import WordLlamaEmbedder

# Django numbers savepoints, and names them after their thread.
SAVEPOINT_NAME = re.compile(r'"s\d+_x\d+"')
# The tables of an index have the id of their generation in their names.
GENERATION = re.compile(r"_[0-9a-f]{32}")


class Fault(StrEnum):
    """What is injected at a point."""

    ERROR = "error"
    """It fails, and changes nothing."""
    CUT = "cut"
    """It takes effect, but the answer is lost, and the connection with it."""
    KILL_BEFORE = "kill before"
    KILL_AFTER = "kill after"

    @property
    def is_before(self) -> bool:
        """Whether the point's own action has no effect."""
        return self in (Fault.ERROR, Fault.KILL_BEFORE)

    @property
    def is_kill(self) -> bool:
        """Whether the fault kills the process."""
        return self in (Fault.KILL_BEFORE, Fault.KILL_AFTER)


@dataclass(frozen=True, slots=True)
class Point:
    """What occurs, and how many times it has occurred: threads may change the order of points."""

    name: str
    occurrence: int


class Injected(OperationalError):
    """An injected error, of the kind that a database raises."""


class Tap:
    """Records every point that occurs; injects `fault` at the given one."""

    def __init__(self, at: Point | None = None, fault: Fault = Fault.ERROR) -> None:
        self.at, self.fault = at, fault
        self.seen: list[Point] = []
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    @property
    def is_done(self) -> bool:
        """Whether the fault was injected."""
        return self.at in self.seen

    def pass_by(self, name: str, act: Callable[[], Any], cut: Callable[[], None]) -> Any:
        """Do `act`, or inject the fault around it; `cut` breaks the connection it uses."""
        with self._lock:
            self._counts[name] += 1
            point = Point(name, self._counts[name])
            self.seen.append(point)
            is_here = point == self.at
        if not is_here:
            return act()
        if self.fault == Fault.ERROR:
            raise Injected(f"injected before: {name}")
        if self.fault == Fault.KILL_BEFORE:
            os.kill(os.getpid(), signal.SIGKILL)
        result = act()
        if self.fault == Fault.KILL_AFTER:
            os.kill(os.getpid(), signal.SIGKILL)
        if isinstance(result, File):
            result.close()
        cut()
        raise Injected(f"injected after: {name}")


@contextmanager
def tapped(tap: Tap) -> Iterator[Tap]:
    """Send every point of this process through `tap`."""
    with ExitStack() as stack:
        for owner, method, name in (
            (CursorWrapper, "execute", _statement),
            (CursorWrapper, "executemany", _statement),
            (BaseDatabaseWrapper, "_commit", lambda *args: "COMMIT"),
            (FileSystemStorage, "_open", lambda *args: "open the file"),
            (FileSystemStorage, "_save", lambda *args: "save the file"),
            (FileSystemStorage, "delete", lambda *args: "delete the file"),
            (WordLlamaEmbedder, "embed_passages", lambda *args: "embed"),
        ):
            stack.enter_context(patch.object(owner, method, _led_past(tap, owner, method, name)))
        # Django passes COPY through to the driver; named here so that it is recorded too.
        copy = _led_past(tap, _Copying, "copy_expert", _statement)
        stack.enter_context(patch.object(CursorWrapper, "copy_expert", copy, create=True))
        yield tap


class _Copying:
    @staticmethod
    def copy_expert(wrapper: CursorWrapper, *args: Any) -> Any:
        return wrapper.cursor.copy_expert(*args)


def _led_past(tap: Tap, owner: Any, method: str, name: Callable[..., str]) -> Callable[..., Any]:
    original = getattr(owner, method)

    def led(self: Any, *args: Any, **kwargs: Any) -> Any:
        return tap.pass_by(name(*args), lambda: original(self, *args, **kwargs), lambda: _cut(self))

    return led


def _statement(sql: object, *args: object) -> str:
    """The statement without its values, so that repetitions are the same point."""
    return GENERATION.sub("_…", SAVEPOINT_NAME.sub("…", " ".join(str(sql).split())))


def _cut(through: Any) -> None:
    """Close the connection of a cursor or a wrapper, as a dying server does."""
    wrapper = through.db if isinstance(through, CursorWrapper) else through
    if isinstance(wrapper, BaseDatabaseWrapper) and wrapper.connection is not None:
        wrapper.connection.close()

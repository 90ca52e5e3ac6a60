"""The progress of a chaos run: a bar on a terminal, a line now and then in a pipe."""

import time
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

SECONDS_BETWEEN_LINES = 10.0


class ChaosDisplay:
    """Shows on `stream` how many of `total` are done, and what is done at this moment."""

    def __init__(self, stream: TextIO, name: str, total: int) -> None:
        self._stream, self._name, self._total, self._told = stream, name, total, 0.0
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[what]}"),
            console=Console(file=stream),
            disable=not stream.isatty(),
        )
        self._task = self._bar.add_task(name, total=total, what="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, done: int, what: str = "") -> None:
        """Show that `done` are done and that `what` is next."""
        self._bar.update(self._task, completed=done, what=what)
        if self._bar.disable and time.monotonic() - self._told > SECONDS_BETWEEN_LINES:
            self._told = time.monotonic()
            self._stream.write(f"{self._name}: {done:,} of {self._total:,}  {what}\n")
            self._stream.flush()

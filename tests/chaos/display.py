"""The progress of a chaos run: a bar on a terminal, a line now and then in a pipe."""

import time
from typing import TextIO

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from segments.management.console import Display

SECONDS_BETWEEN_LINES = 10.0


class ChaosDisplay(Display):
    """Shows how many of `total` are done, and what is done at this moment."""

    def __init__(self, stream: TextIO, name: str, total: int) -> None:
        super().__init__(
            stream,
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[what]}"),
        )
        self._name, self._total, self._told = name, total, 0.0
        if self._bar:
            self._bar.add_task(name, total=total, what="")

    def tell(self, line: str) -> None:
        """Write a line that stays."""
        if self._bar:
            self._bar.console.print(line)
        else:
            self._write_line(line)

    def __call__(self, done: int, what: str = "") -> None:
        """Show that `done` are done and that `what` is next."""
        if self._bar:
            self._bar.update(self._bar.tasks[-1].id, completed=done, what=what)
        elif time.monotonic() - self._told > SECONDS_BETWEEN_LINES:
            self._told = time.monotonic()
            self._write_line(f"{self._name}: {done:,} of {self._total:,}  {what}")

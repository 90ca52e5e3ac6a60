"""How far the benchmark is: bars on a terminal, plain lines in a pipe."""

from typing import TextIO

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from segments.management.console import Display


class BenchDisplay(Display):
    """Shows the part that runs, what it measures, and how much is over."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(
            stream,
            TextColumn("[bold]{task.description:8}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[step]}"),
        )

    def begin(self, part: str) -> None:
        """A part begins."""
        if self._bar:
            self._bar.add_task(part, total=1.0, step="")

    def step(self, what: str, done: float) -> None:
        """The part goes on to `what`; the share `done` of it is over."""
        if self._bar:
            self._bar.update(self._bar.tasks[-1].id, completed=done, step=what)
        else:
            self._write_line(what)

    def end(self) -> None:
        """The part is over."""
        if self._bar:
            self._bar.update(self._bar.tasks[-1].id, completed=1.0, step="")

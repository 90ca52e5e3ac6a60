"""The progress of the benchmark: bars on a terminal, plain lines in a pipe."""

from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class BenchDisplay:
    """Shows on `stream` the part that runs, what it measures, and how much is over."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar = self._new_bar() if stream.isatty() else None

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

    def begin(self, part: str) -> None:
        """A part begins."""
        if self._bar:
            self._bar.add_task(part, total=1.0, step="")

    def step(self, what: str, done: float) -> None:
        """The part continues with `what`; the share `done` of it is done."""
        if self._bar:
            self._bar.update(self._bar.tasks[-1].id, completed=done, step=what)
        else:
            self._stream.write(f"{what}\n")
            self._stream.flush()

    def end(self) -> None:
        """The part is done."""
        if self._bar:
            self._bar.update(self._bar.tasks[-1].id, completed=1.0, step="")

    def _new_bar(self) -> Progress:
        return Progress(
            TextColumn("[bold]{task.description:8}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[step]}"),
            console=Console(file=self._stream),
        )

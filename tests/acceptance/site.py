"""A whole installation in a home of its own: `manage.py run` with its web server and workers."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from config.embedded import stop as stop_postgres

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 300
STOP_SECONDS = 60


@contextmanager
def own_home() -> Iterator[Path]:
    """A home that is removed afterwards, with its PostgreSQL stopped.

    Not in pytest's folder: every start of pytest takes the folder's permissions back that the
    PostgreSQL of a home needs where it runs as a user of its own.
    """
    with tempfile.TemporaryDirectory(prefix="segmill-site-", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        yield home
        stop_postgres(home)


class Site:
    """A running `manage.py run`, and what it has said."""

    def __init__(self, home: Path, *arguments: str, **settings: str) -> None:
        self.home = home
        self.environment: Mapping[str, str] = os.environ | {"SEGMILL_HOME": str(home)} | settings
        self.lines: list[str] = []
        self._came = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run", *arguments],
            cwd=PROJECT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        self.wait_for("Ctrl-C stops it")
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """Where it is, without a slash at the end."""
        return self._found(r"Segmill runs at (http://\S+)/admin/")

    @property
    def password(self) -> str:
        """That of the account `admin`, as it was printed."""
        return self._found(r"with the password (\S+)")

    def manage(self, *arguments: str) -> str:
        """What a management command for the same home prints."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def python(self, code: str) -> str:
        """What a piece of Python in the installation prints."""
        return self.manage("shell", "--no-imports", "-c", code).strip()

    def wait_for(self, text: str) -> None:
        """Wait until a line has `text` in it, or fail with all that was said."""
        with self._came:
            came = self._came.wait_for(
                lambda: any(text in line for line in self.lines) or self.has_ended, START_SECONDS
            )
        assert came, self.said
        assert any(text in line for line in self.lines), self.said

    @property
    def said(self) -> str:
        """All lines so far."""
        return "\n".join(self.lines)

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self.process.poll() is not None

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """End it as Ctrl-C does; its exit code."""
        if not self.has_ended:
            self.process.send_signal(how)
        code = self.process.wait(STOP_SECONDS)
        self._reader.join()
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._came:
                self.lines.append(line.rstrip("\n"))
                self._came.notify_all()
        with self._came:
            self._came.notify_all()
        self.process.stdout.close()

    def _found(self, pattern: str) -> str:
        found = re.search(pattern, self.said)
        assert found, self.said
        return found.group(1)

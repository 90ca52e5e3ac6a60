"""Runs programs side by side: starts them, restarts them when they die, stops them together."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from types import FrameType

# How often the programs are checked.
LOOK_SECONDS = 0.2
# A program that ran for less than this has not really started: wait longer each time.
SETTLED_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 30.0
# How long a program may take to exit; imports resume from their checkpoints later.
GRACE_SECONDS = 10.0
PR_SET_PDEATHSIG = 1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# Loaded before any fork: only this one call is made between fork and exec.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: a name for messages, a command line, a folder, and inherited descriptors."""

    name: str
    command: Sequence[str]
    folder: Path
    descriptors: tuple[int, ...] = ()


class Running:
    """A program with its current process, and when to start the next one."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self._started_at, self._due_at, self._failures = 0.0, 0.0, 0
        self._is_given_up = Event()

    @property
    def age(self) -> float:
        """Seconds since the current process was started; 0 without one."""
        return monotonic() - self._started_at if self.process else 0.0

    def give_up(self) -> None:
        """Ask for the process to be ended and another one started; safe from any thread."""
        self._is_given_up.set()

    def look(self, tell: Tell) -> None:
        """Start the program if it is due; note its death, and when it is due again."""
        if self._is_given_up.is_set():
            self._is_given_up.clear()
            self._kill()
        if self.process is None and monotonic() >= self._due_at:
            self.process = _start(self.program)
            self._started_at = monotonic()
        elif self.process is not None and self.process.poll() is not None:
            _kill_group(self.process.pid)
            self._note_death(self.process.returncode, tell)
            self.process = None

    def stop(self, deadline: float, hurry: Event) -> None:
        """End the program: politely until `deadline` or `hurry`, then by force."""
        if self.process is None:
            return
        while self.process.poll() is None and monotonic() < deadline and not hurry.is_set():
            hurry.wait(LOOK_SECONDS / 4)
        _kill_group(self.process.pid)
        self.process.wait()

    def ask_to_end(self) -> None:
        """Send SIGTERM to the program itself, which ends its own children."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def _kill(self) -> None:
        if self.process is not None:
            _kill_group(self.process.pid)
            self.process.wait()

    def _note_death(self, code: int, tell: Tell) -> None:
        lived = monotonic() - self._started_at
        self._failures = 0 if lived > SETTLED_SECONDS else self._failures + 1
        wait = min(2.0**self._failures - 1, LONGEST_WAIT_SECONDS)
        self._due_at = monotonic() + wait
        when = f"in {wait:.0f} s" if wait else "now"
        tell(f"The {self.program.name} ended with code {code}; restarting it {when}.")


class Supervisor:
    """Runs programs until SIGINT (Ctrl-C) or SIGTERM.

    Each program leads its own process group, so that Ctrl-C in a terminal reaches only this
    process and the programs end in order. If this process is killed, the kernel ends the
    programs (Linux).
    """

    def __init__(
        self, programs: Sequence[Program], tell: Tell, grace_seconds: float = GRACE_SECONDS
    ) -> None:
        self._running = [Running(program) for program in programs]
        self._tell, self._grace_seconds = tell, grace_seconds
        self._stopping, self._hurry = Event(), Event()

    def running(self, name: str) -> Running:
        """The program of that name."""
        return next(each for each in self._running if each.program.name == name)

    def run(self, ready: Callable[[], None]) -> None:
        """Start all, call `ready`, and supervise them until asked to stop."""
        before = {number: signal.signal(number, self._stop) for number in STOP_SIGNALS}
        try:
            self._look()
            ready()
            while not self._stopping.wait(LOOK_SECONDS):
                self._look()
        finally:
            self._stop_all()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _look(self) -> None:
        for running in self._running:
            running.look(self._tell)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    def _stop_all(self) -> None:
        self._tell("Stopping. Unfinished imports resume at the next start.")
        deadline = monotonic() + self._grace_seconds
        for running in self._running:
            running.ask_to_end()
        for running in self._running:
            running.stop(deadline, self._hurry)


def _start(program: Program) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        program.command,
        cwd=program.folder,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=program.descriptors,
        preexec_fn=end_with_parent if _libc else None,
    )


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent dies (Linux), so none keeps running unseen.

    Not by SIGTERM: a cluster that gets it at a bad moment waits for itself for ever (django-q2,
    issue 346).
    """
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill_group(leader: int) -> None:
    """End whatever a program left behind: its process group has the number of its leader."""
    with suppress(ProcessLookupError, PermissionError):  # nothing is left
        os.killpg(leader, signal.SIGKILL)

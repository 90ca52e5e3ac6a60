"""The processes of an installation: web server, cluster, reaper, PostgreSQL, and maybe Valkey."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread

import psutil
from django_q.status import Stat

from config.embedded import locks
from config.embedded.paths import ServerPaths
from config.embedded.programs import run_as_server
from config.embedded.server import server_of
from config.web import listen, port_of
from tests.chaos.valkey import Valkey

PROJECT = Path(__file__).resolve().parents[2]
LOOK_SECONDS = 0.2
START_SECONDS = 60.0


class Installation:
    """What runs for a home. What dies is started again, as systemd would."""

    def __init__(self, home: Path, valkey: Valkey | None) -> None:
        self.home, self.valkey = home, valkey
        self._listener = listen("127.0.0.1", 0)
        self.address = f"127.0.0.1:{port_of(self._listener)}"
        descriptor = str(self._listener.fileno())
        self._commands = {
            "web": ["-m", "config.web", descriptor],
            "workers": ["manage.py", "run_workers", "--grace", "3"],
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._lock, self._ended = Lock(), Event()
        self._keeper = Thread(target=self._keep, name="keeper")

    def start(self) -> None:
        """Start web server and workers, and look after them from here on."""
        self._keeper.start()

    def stop(self) -> None:
        """End it all, politely."""
        self._ended.set()
        self._keeper.join()
        self.ask_to_end()
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(START_SECONDS)
        self.kill_all()
        self._listener.close()

    @property
    def postgres(self) -> "Postgres":
        """The database server."""
        return Postgres(self.home)

    def find(self, role: str) -> list[psutil.Process]:
        """The processes of a role: web, workers, cluster, reaper, sentinel, worker and so on."""
        if role in self._commands:
            return self._of(lambda: [psutil.Process(self._processes[role].pid)])
        commands = {"cluster": "qcluster", "reaper": "import_reaper"}
        if command := commands.get(role):
            return self._of(lambda: [each for each in self._children() if _runs(each, command)])
        return self._of(lambda: [psutil.Process(pid) for pid in self._members(role)])

    def ask_to_end(self) -> None:
        """SIGTERM for web server and workers."""
        with self._lock:
            for process in self._processes.values():
                process.terminate()

    def kill_all(self) -> None:
        """SIGKILL for every process there is, at once: a power cut but for the database."""
        with self._lock:
            found: list[psutil.Process] = []
            for process in self._processes.values():
                with suppress(psutil.Error):
                    root = psutil.Process(process.pid)
                    found += [root, *root.children(recursive=True)]
            for each in found:
                with suppress(psutil.Error):
                    each.kill()

    def survivors(self) -> list[str]:
        """What of it runs on after its end, but for PostgreSQL and Valkey."""
        home, found = str(self.home), []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                is_ours = process.environ().get("SEGMILL_HOME") == home
                if is_ours and process.pid != os.getpid() and "python" in process.name():
                    found.append(f"process {process.pid} runs on: {' '.join(process.cmdline())}")
        return found

    def _children(self) -> list[psutil.Process]:
        return psutil.Process(self._processes["workers"].pid).children()

    def _members(self, role: str) -> list[int]:
        """By what the cluster tells of itself; what has died since is none."""
        alive = {child.pid for top in self._children() for child in top.children(recursive=True)}
        pids: list[int] = []
        for told in Stat.get_all():
            pids += told.workers if role == "worker" else [getattr(told, role)]
        return [pid for pid in pids if pid in alive]

    def _of(self, find: Callable[[], list[psutil.Process]]) -> list[psutil.Process]:
        try:
            return find()
        except (psutil.Error, KeyError):
            return []

    def _keep(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            with self._lock:
                for name, command in self._commands.items():
                    process = self._processes.get(name)
                    if process is None or process.poll() is not None:
                        self._processes[name] = self._start(name, command)

    def _start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.home / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *command],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self._listener.fileno(),),
                start_new_session=True,
            )


class Postgres:
    """The embedded server of a home; whoever connects next starts it again."""

    def __init__(self, home: Path) -> None:
        self._paths = ServerPaths.of(home)
        self._server = server_of(home)

    def restart(self, mode: str) -> None:
        """`fast` cuts connections off and writes all out; `immediate` is a crash."""
        with locks.exclusive(self._paths.start_lock):  # nobody starts it before it has ended
            run_as_server(
                *("pg_ctl", "stop", f"--mode={mode}", "--wait", "--timeout=60"),
                f"--pgdata={self._paths.data.name}",
                folder=self._paths.folder,
            )
        self._server.ensure_running()


def wait_until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Look until it is true.

    Raises:
        TimeoutError: it did not come true in time.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:,.0f} s")
        time.sleep(LOOK_SECONDS)


def _runs(process: psutil.Process, command: str) -> bool:
    return command in process.cmdline()

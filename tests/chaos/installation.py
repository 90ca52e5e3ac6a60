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
    """The processes of a home; whatever dies is restarted, as systemd would."""

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
        """Start web server and workers, and keep them running."""
        self._keeper.start()

    def stop(self) -> None:
        """Shut everything down gracefully."""
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
        """The processes of a role, such as web, workers, cluster, reaper, sentinel or worker."""
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
        """SIGKILL for all processes at once: a power cut for everything but the database."""
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
        """The processes that outlived `stop`, apart from PostgreSQL and Valkey."""
        home, found = str(self.home), []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                is_ours = process.environ().get("SEGMILL_HOME") == home
                if is_ours and process.pid != os.getpid() and "python" in process.name():
                    command = " ".join(process.cmdline())
                    found.append(f"process {process.pid} is still running: {command}")
        return found

    def _children(self) -> list[psutil.Process]:
        return psutil.Process(self._processes["workers"].pid).children()

    def _members(self, role: str) -> list[int]:
        """The pids that the cluster reports, without those that have died since."""
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
    """The embedded server of a home; the next client starts it again."""

    def __init__(self, home: Path) -> None:
        self._paths = ServerPaths.of(home)
        self._server = server_of(home)

    def restart(self, mode: str) -> None:
        """`fast` drops connections and flushes everything; `immediate` is a crash."""
        with locks.exclusive(self._paths.start_lock):  # nobody starts it before it has stopped
            run_as_server(
                *("pg_ctl", "stop", f"--mode={mode}", "--wait", "--timeout=60"),
                f"--pgdata={self._paths.data.name}",
                folder=self._paths.folder,
            )
        self._server.ensure_running()


def wait_until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until `true()` is true.

    Raises:
        TimeoutError: it did not become true in time.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:,.0f} s")
        time.sleep(LOOK_SECONDS)


def _runs(process: psutil.Process, command: str) -> bool:
    return command in process.cmdline()

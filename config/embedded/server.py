"""Starts, finds and stops the embedded server of one home.

Three locks in the home say everything, and the kernel keeps them correct even when processes are
killed:

- users: shared, by each process that uses the server, for its life. A process that gets it alone
  when it exits is the last one and stops the server; a process that arrives then waits for that.
- start: by the one process that starts the server (or stops it on request); the others sleep
  until it is done instead of polling.
- server: by the server's own processes. When it is free, nothing is left of an earlier
  server, whatever its pid file says.
"""

import atexit
import logging
import multiprocessing
import os
import shlex
import stat
import threading
import time
from contextlib import suppress
from multiprocessing.util import Finalize
from pathlib import Path

from config.embedded import locks
from config.embedded.cluster import DATA_FOLDER_MODE, ensure_data
from config.embedded.paths import SOCKET_NAME, EmbeddedPostgresError, ServerPaths
from config.embedded.programs import open_to_server, run_as_server, server_owner, takes_connections

# Replaying max_wal_size (4 GB) after a crash takes most of a minute on a slow disk.
START_TIMEOUT_SECONDS = 120
# A fast stop writes out shared_buffers and ends; seconds at most.
STOP_TIMEOUT_SECONDS = 60
# How often a server that is starting or stopping is checked; each check costs some 5 ms.
POLL_SECONDS = 0.05
# A larger log is set aside at the next start; one older log is kept.
MAX_LOG_BYTES = 10 * 1024 * 1024
SHOWN_LOG_LINES = 8
# multiprocessing runs the finalizers of a child in falling order: ours after all others.
LAST = -1_000

logger = logging.getLogger(__name__)


class EmbeddedServer:
    """The server of one home, as this process sees it; safe to use from several threads."""

    def __init__(self, paths: ServerPaths) -> None:
        self.paths = paths
        self._users_file: int | None = None
        self._mutex = threading.Lock()

    def join(self) -> None:
        """Count this process as a user of the server until it exits; cheap if it already is one."""
        with self._mutex:
            if self._users_file is None:
                self._make_folder()
                self._users_file = locks.acquire_shared(self.paths.users_lock)
                if multiprocessing.parent_process() is not None:
                    # Such a child ends without running what atexit knows.
                    Finalize(None, self.leave, exitpriority=LAST)

    def ensure_running(self) -> None:
        """Return as soon as the server accepts connections; start it if it is not running.

        Waits START_TIMEOUT_SECONDS at most, then raises EmbeddedPostgresError. The caller
        has joined.
        """
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        with locks.exclusive(self.paths.start_lock):
            while not takes_connections(self.paths.socket_folder):
                if time.monotonic() > deadline:
                    raise self._error("PostgreSQL does not accept connections")
                with locks.exclusive_if_free(self.paths.server_lock) as server_file:
                    if server_file is not None:
                        self._start(server_file)
                        continue
                time.sleep(POLL_SECONDS)  # still starting, replaying its log, or ending

    def leave(self) -> None:
        """Stop counting as a user; the last user stops the server."""
        with self._mutex:
            if self._users_file is None:
                return
            in_place = self._is_in_place(self._users_file)
            locks.close(self._users_file)
            self._users_file = None
            if in_place:
                self._stop_if_unused()

    def stop(self) -> bool:
        """Stop the server even if it is used; False if it was not running.

        Raises EmbeddedPostgresError if it does not end in STOP_TIMEOUT_SECONDS.
        """
        if not self.paths.folder.exists():
            return False
        with locks.exclusive(self.paths.start_lock):
            return self._stop()

    def _make_folder(self) -> None:
        try:
            self.paths.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL cannot use {self.paths.folder} ({error}). "
                "Set SEGMILL_HOME to a writable folder."
            ) from error

    def _start(self, server_file: int) -> None:
        """Start the server, which takes over the lock of `server_file`, and wait for it."""
        paths = self.paths
        open_to_server(paths.data)
        self._make_socket_folder()
        self._make_log()
        ensure_data(paths, server_file)
        self._forget_earlier_server()
        started, output = run_as_server(
            *("pg_ctl", "start", "--wait", f"--timeout={START_TIMEOUT_SECONDS}"),
            *(f"--pgdata={paths.data.name}", f"--log={paths.log.name}"),
            *("-o", f"-k {shlex.quote(str(paths.socket_folder))}"),
            folder=paths.folder,
            keep_open=[server_file],
        )
        if not started:
            raise self._error(f"PostgreSQL did not start ({output})")

    def _forget_earlier_server(self) -> None:
        """Remove the pids of a server that was killed; the lock we hold says it is gone.

        PostgreSQL would ask whether the pid exists, and take another program that has it by
        now, or a dead process that was not collected yet, for the old server.
        """
        (self.paths.data / "postmaster.pid").unlink(missing_ok=True)
        (self.paths.socket_folder / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)

    def _make_socket_folder(self) -> None:
        """Create the folder that a long home has elsewhere; refuse one of another user."""
        folder, owner = self.paths.socket_folder, server_owner()
        if folder == self.paths.data:
            return
        with suppress(FileExistsError):
            folder.mkdir(mode=DATA_FOLDER_MODE)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), owner[0]):
            raise EmbeddedPostgresError(
                f"{folder}, where the socket of {self.paths.folder} has to be, was made by "
                "another user. Remove it, or set SEGMILL_HOME to a shorter path."
            )
        os.chown(folder, *owner)

    def _make_log(self) -> None:
        log = self.paths.log
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        log.touch(mode=0o600)
        os.chown(log, *server_owner())

    def _is_in_place(self, users_file: int) -> bool:
        """False if the home was removed while we used it: what is there now is not our server."""
        try:
            return os.path.samestat(os.fstat(users_file), self.paths.users_lock.stat())
        except FileNotFoundError:
            return False

    def _stop_if_unused(self) -> None:
        # Opened again: a forked child may share our file, and then asking with that file for
        # the only lock would succeed although the child still runs.
        with locks.exclusive_if_free(self.paths.users_lock) as file:
            if file is not None:
                self._stop()

    def _stop(self) -> bool:
        if locks.is_free(self.paths.server_lock):
            return False
        _, output = run_as_server(
            *("pg_ctl", "stop", "--mode=fast", "--wait", f"--timeout={STOP_TIMEOUT_SECONDS}"),
            f"--pgdata={self.paths.data.name}",
            folder=self.paths.folder,
        )
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        while not locks.is_free(self.paths.server_lock):
            if time.monotonic() > deadline:
                raise self._error(f"PostgreSQL did not stop ({output})")
            time.sleep(POLL_SECONDS)
        if self.paths.socket_folder != self.paths.data:
            with suppress(OSError):  # harmless; the next start would use it again
                self.paths.socket_folder.rmdir()
        return True

    def _error(self, what: str) -> EmbeddedPostgresError:
        log = self.paths.log
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        said = "\n".join(lines[-SHOWN_LOG_LINES:]) or "(nothing)"
        return EmbeddedPostgresError(
            f"{what}. Its log {log} ends with:\n{said}\n"
            "If it is still replaying its log after a crash, wait and try again. If it hangs, "
            "run `make stop` and try again."
        )


_servers: dict[Path, EmbeddedServer] = {}


def server_of(home: Path) -> EmbeddedServer:
    """This process's one object for the server of `home`."""
    paths = ServerPaths.of(home)
    return _servers.setdefault(paths.folder, EmbeddedServer(paths))


def stop(home: Path) -> bool:
    """Stop the server of `home`, even if others use it; False if it was not running.

    They lose their connections, and their next one starts it again.
    """
    return server_of(home).stop()


def _leave_all() -> None:
    for server in list(_servers.values()):
        try:
            server.leave()
        except (OSError, EmbeddedPostgresError) as error:
            logger.warning("The embedded PostgreSQL may still be running: %s", error)


# A forked child is no user yet and holds no lock: it begins with nothing.
os.register_at_fork(after_in_child=_servers.clear)
atexit.register(_leave_all)

"""Where the embedded server of a home keeps its files."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from segments.db.errors import DatabaseUnavailable


class EmbeddedPostgresError(DatabaseUnavailable, RuntimeError):
    """The embedded server cannot be used; the message says why and what to do.

    It is also Django's `OperationalError`, so whatever copes with a database that is down
    (health checks, task queues) copes with this one.
    """


SUPERUSER = "postgres"
# No TCP port is opened: the number is only part of the socket's file name.
SOCKET_PORT = 5432
SOCKET_NAME = f".s.PGSQL.{SOCKET_PORT}"
# The longest socket path the kernel takes: 103 bytes on macOS, 107 on Linux. The smaller one,
# so that a home means the same socket everywhere.
MAX_SOCKET_PATH_BYTES = 103
# Not tempfile.gettempdir(): TMPDIR may differ between two processes that use one home.
SHORT_FOLDER = Path("/tmp")  # noqa: S108  (the folder made in it is checked for its owner)


@dataclass(frozen=True, slots=True)
class ServerPaths:
    """The files of one home's server, as absolute paths."""

    folder: Path
    """Holds everything below except, for a long home, the socket."""
    data: Path
    """PostgreSQL's data folder; it appears whole or not at all."""
    unfinished_data: Path
    """Data in the making; what a crash left of it is thrown away."""
    log: Path
    users_lock: Path
    """Held shared by every process that uses the server, for its life."""
    start_lock: Path
    """Held by the one process that is starting or stopping the server on request."""
    server_lock: Path
    """Held by the server's own processes, which inherit it: free means none is left."""
    socket_folder: Path

    @classmethod
    def of(cls, home: Path) -> "ServerPaths":
        """The paths for `home`; the same for every spelling of it, no file is touched."""
        folder = home.expanduser().resolve() / "postgres"
        return cls(
            folder=folder,
            data=folder / "data",
            unfinished_data=folder / "data.unfinished",
            log=folder / "server.log",
            users_lock=folder / "users.lock",
            start_lock=folder / "start.lock",
            server_lock=folder / "server.lock",
            socket_folder=_socket_folder(folder / "data"),
        )


def _socket_folder(data: Path) -> Path:
    # A comma separates two hosts in libpq, so a path that has one cannot be named there.
    fits = len(os.fsencode(data / SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES
    if fits and "," not in str(data):
        return data
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()
    return SHORT_FOLDER / f"segmill-{digest[:16]}"

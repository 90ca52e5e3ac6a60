"""The data of a new embedded server ("cluster" in PostgreSQL's manual) and its parameters."""

import os
import shutil
from pathlib import Path

from config.embedded.paths import SOCKET_PORT, SUPERUSER, EmbeddedPostgresError, ServerPaths
from config.embedded.programs import POSTGRES_VERSION, run_as_server, server_owner

DATA_FOLDER_MODE = 0o700

# Written once into postgresql.conf, for bulk import on a developer's machine. An existing home
# is tuned with ALTER SYSTEM. fsync, full_page_writes and synchronous_commit keep their default
# (on): a committed import survives a power cut.
PARAMETERS = {
    # Only the socket, and only for the server's user: authentication is by reaching it.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # Set here so that a PGPORT in the environment cannot change the socket's name.
    "port": str(SOCKET_PORT),
    # Web, workers and tests with several threads each; an idle slot costs next to nothing.
    "max_connections": "100",
    # Index and hot table pages stay in memory; the default of 128 MB is small for vectors.
    "shared_buffers": "256MB",
    # A publish writes some 2 kB of log a row. With 8 MB (a 32nd of the above, the default) it has
    # to write them out itself, time and again, instead of leaving that to the log's own process.
    "wal_buffers": "64MB",
    # An HNSW graph that fits in here is built several times faster than one that does not.
    "maintenance_work_mem": "256MB",
    # Parallel index builds share that memory. Set aside at the start (the system provides it
    # only when it is touched), it does not depend on the 64 MB /dev/shm of a container.
    "min_dynamic_shared_memory": "320MB",
    # Bulk COPY writes gigabytes of log: with 1 GB (the default) checkpoints come one after
    # the other. The price is disk space, and up to that much to replay after a crash.
    "max_wal_size": "4GB",
    # A single server: nothing follows its log, so rows copied into a table that was made in
    # the same transaction need no log at all. `minimal` demands that there are no senders.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Compiling a query costs more than it saves on queries of milliseconds.
    "jit": "off",
    # Django asks for this: a connection that already has it saves a round trip.
    "timezone": "UTC",
    "log_timezone": "UTC",
}

# The same order and the same case mapping on every machine: PostgreSQL's own Unicode rules, not
# those of the C library and of the LANG of the first process.
LOCALE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")


def ensure_data(paths: ServerPaths, server_file: int) -> None:
    """Make the server's data unless it is there, and check that this server can use it.

    The caller holds the server lock by `server_file`. initdb shares it: if we are killed, it
    continues alone, and nobody may start over before that ends. Raises EmbeddedPostgresError.
    """
    if not paths.data.exists():
        _make_data(paths, server_file)
    check_owner(paths.data, server_owner()[0])
    _check_version(paths.data)


def _make_data(paths: ServerPaths, server_file: int) -> None:
    unfinished = paths.unfinished_data
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=DATA_FOLDER_MODE)
    os.chown(unfinished, *server_owner())
    settings = [f"--set={name}={value}" for name, value in PARAMETERS.items()]
    made, output = run_as_server(
        *("initdb", f"--pgdata={unfinished.name}", "--no-instructions"),
        *(f"--username={SUPERUSER}", "--auth=trust", *LOCALE, *settings),
        folder=paths.folder,
        keep_open=[server_file],
    )
    if not made:
        raise EmbeddedPostgresError(
            f"PostgreSQL could not create its data in {unfinished}: {output}\n"
            "Check that the disk has space (about 100 MB) and that the folder is writable."
        )
    unfinished.rename(paths.data)
    _sync_folder(paths.folder)


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, before anything is committed under it."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def check_owner(data: Path, server: int) -> None:
    """Refuse data the server's user could not read; PostgreSQL only says "Permission denied"."""
    owner = data.stat().st_uid
    if owner != server:
        raise EmbeddedPostgresError(
            f"{data} belongs to the system user with id {owner}, but the server would run as "
            f"{server}. Run Segmill as the user who made this home, set SEGMILL_HOME to another "
            f"folder, or stop Segmill and run: chown -R {server} {data}"
        )


def _check_version(data: Path) -> None:
    version = (data / "PG_VERSION").read_text().strip()
    if version != str(POSTGRES_VERSION):
        raise EmbeddedPostgresError(
            f"{data} was made by PostgreSQL {version}, the embedded one is {POSTGRES_VERSION}. "
            "Set SEGMILL_HOME to a new folder, or move the data over with pg_upgrade."
        )

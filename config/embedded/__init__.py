"""The PostgreSQL server that a Segmill home brings along: nothing to install, nothing to start.

What it promises:

- The first connection of any process starts the server, makes its data on the very first use
  and creates the database it asks for. Any number of processes may do so at the same moment.
- The server runs as long as a process uses it. The last one to end stops it; a process that
  is killed counts as ended. If the last one is killed, the server stays up for the next user,
  whose end stops it.
- A server that died is started again by the next connection; what was committed is there.
- Two homes are two servers. Nothing listens on the network: clients come through a socket
  that only the server's own system user (and root) can reach.

The home must be on a local disk of Linux or macOS: users are counted by `flock`.

The wheel's own `get_server` keeps too few of these promises, so only its programs are used: it
counts users in a list that a killed one stays on, and not at all in a child process; a crash in the
middle of initdb leaves a folder it takes for whole; it gives up after 10 s of replay; it waits for
every other home on the machine; and it sets neither parameters nor a locale.
"""

from pathlib import Path
from typing import Any

from config.embedded.paths import SOCKET_PORT, SUPERUSER, EmbeddedPostgresError, ServerPaths
from config.embedded.server import stop

__all__ = ["EmbeddedPostgresError", "embedded_database", "stop"]


def embedded_database(home: Path, name: str) -> dict[str, Any]:
    """The entry of `DATABASES` for the database `name` on the server of `home`.

    Nothing is started or written here. Of all names only `name` is created when it is
    missing: a test database that was dropped stays dropped.
    """
    return {
        "ENGINE": "config.embedded",
        "NAME": name,
        "USER": SUPERUSER,
        "HOST": str(ServerPaths.of(home).socket_folder),
        "PORT": str(SOCKET_PORT),
        "EMBEDDED_HOME": str(home),
        "EMBEDDED_DATABASE": name,
    }

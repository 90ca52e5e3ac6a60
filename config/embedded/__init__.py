"""The PostgreSQL server that comes with a Segmill home: nothing to install, nothing to start.

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

The wheel's own `get_server` (0.6) keeps too few of these promises, so only its programs are used.
Tried: after a killed user its server runs for ever; after a crash in the middle of initdb its home
never starts again, nor does one with a blank in its name; it gives a replay 10 s. It counts no
child processes, makes all homes of a machine wait for each other, and sets neither parameters nor
a locale.
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

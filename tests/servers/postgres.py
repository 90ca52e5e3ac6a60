"""PostgreSQL servers of a test's own: a primary and its streaming replicas, in any network."""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from config.embedded.cluster import LOCALE
from config.embedded.programs import open_to_server, program_folder, server_owner

USER = "postgres"
WAIT_SECONDS = 60
# They may run as root.
CLIENTS = frozenset({"psql", "pg_dump"})
# Small and quick: nothing here has to survive a power cut.
PARAMETERS = {
    "fsync": "off",
    "wal_level": "replica",
    "hot_standby": "on",
    "hot_standby_feedback": "on",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "unix_socket_permissions": "0777",
    # A replica that goes on after a pause needs what was written meanwhile.
    "wal_keep_size": "1GB",
}


class Postgres:
    """A server with its data in a folder, at a Unix socket there and, with addresses, by TCP.

    `namespace` is the network namespace that it runs in; empty for our own.
    """

    def __init__(self, folder: Path, port: int, addresses: str = "", namespace: str = "") -> None:
        self.folder, self.port, self.namespace = folder, port, namespace
        self._addresses = addresses
        folder.mkdir(parents=True)
        os.chown(folder, *server_owner())
        open_to_server(folder)

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.folder / "data"

    def create(self) -> None:
        """Make an empty server, which lets anybody in who reaches it."""
        values = [f"--set={name}={value}" for name, value in PARAMETERS.items()]
        names = [f"--pgdata={self.data}", f"--username={USER}", "--auth=trust", "--no-sync"]
        self.run("initdb", *names, *LOCALE, *values)
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all all trust\nhost replication all all trust\n")

    def follow(self, primary: str) -> None:
        """Make a streaming replica of the server that `primary` (libpq's words) leads to."""
        self.run(
            *("pg_basebackup", f"--pgdata={self.data}", f"--dbname={primary}", "--no-sync"),
            *("--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream"),
        )

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        listens = f"-k {self.folder} -p {self.port} -c listen_addresses='{self._addresses}'"
        self.run(
            *("pg_ctl", "start", "--wait", f"--timeout={WAIT_SECONDS}", f"--pgdata={self.data}"),
            *(f"--log={self.folder / 'log'}", "-o", listens),
        )

    def stop(self, mode: str = "immediate") -> None:
        """Stop it, if it runs."""
        if (self.data / "postmaster.pid").exists():
            names = [f"--mode={mode}", "--wait", f"--pgdata={self.data}"]
            with suppress(subprocess.CalledProcessError):
                self.run("pg_ctl", "stop", *names)

    def promote(self) -> None:
        """Make a replica a primary."""
        self.run("pg_ctl", "promote", "--wait", f"--pgdata={self.data}")

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What psql says to a statement."""
        where = [f"--host={self.folder}", f"--port={self.port}", f"--username={USER}"]
        how = ["--no-psqlrc", "--tuples-only", "--no-align", f"--dbname={database}"]
        return self.run("psql", *where, *how, f"--command={statement}").strip()

    def remove(self) -> None:
        """Stop it and remove its data."""
        self.stop()
        shutil.rmtree(self.folder)

    def run(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs where the server is; what it says."""
        user, group = server_owner()
        inside = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        as_user = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        is_ours = os.geteuid() == 0 and program not in CLIENTS
        command = [*inside, *(as_user if is_ours else [])]
        output = self.folder / "said"
        with output.open("wb") as file:  # not a pipe: what is started would keep it open
            try:
                subprocess.run(
                    [*command, str(program_folder() / program), *arguments],
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    timeout=WAIT_SECONDS * 2,
                    check=True,
                )
            except subprocess.CalledProcessError as error:
                error.add_note(output.read_text(errors="replace"))
                raise
        return output.read_text(errors="replace")

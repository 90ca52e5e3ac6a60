"""`manage.py run`: everything an installation on one machine needs, until Ctrl-C."""

import fcntl
import socket
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from config.web import PortTaken, listen, listen_near, port_of
from datasets.accounts import FIRST_ADMIN, ensure_admin, ensure_tenant
from segments.operations.processes import Program, Supervisor
from segments.operations.watchdog import CLUSTER, Watchdog, worker_programs

DEFAULT_PORT = 8000
RESET = "make run ARGS=--reset-admin-password"


class Command(BaseCommand):
    """Starts the web server and the workers, and supervises them."""

    help = "Run web server and workers on this machine; Ctrl-C stops them all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to listen."""
        parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
        parser.add_argument(
            "--port", type=int, help=f"default: {DEFAULT_PORT}, or the next free one"
        )
        parser.add_argument(
            "--reset-admin-password",
            action="store_true",
            help=f"give the account “{FIRST_ADMIN}” a new password and print it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare the database, start everything, print the address, wait for Ctrl-C."""
        lock = _only_one_of(settings.SEGMILL_HOME)
        listener = self._listener(options["host"], options["port"])
        address = _address(options["host"], port_of(listener))
        self._note_address(lock, address)
        call_command("migrate", verbosity=0)
        ensure_tenant()
        password = ensure_admin(reset=options["reset_admin_password"])
        connections.close_all()
        supervisor = Supervisor([_web_server(listener), *worker_programs()], self._say)
        with Watchdog(supervisor.running(CLUSTER), self._say):
            supervisor.run(ready=lambda: self._welcome(address, password))
        self._say("Stopped.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _listener(self, host: str, port: int | None) -> socket.socket:
        try:
            listener = listen_near(host, DEFAULT_PORT) if port is None else listen(host, port)
        except PortTaken as taken:
            raise CommandError(
                f"The web server cannot listen on {taken}. Choose another port with --port, or let "
                "--port 0 find a free one."
            ) from taken
        if port is None and port_of(listener) != DEFAULT_PORT:
            self._say(f"Port {DEFAULT_PORT} is taken; using {port_of(listener)}.")
        return listener

    def _note_address(self, lock: IO[str], address: str) -> None:
        lock.truncate(0)
        lock.write(address)
        lock.flush()

    def _welcome(self, address: str, password: str | None) -> None:
        self._say(f"Segmill runs at {address}")
        if password:
            self._say(f"Log in as “{FIRST_ADMIN}” with the password {password}")
            self._say(f"It is shown only once; for a new one stop this and run: {RESET}")
        else:
            self._say(f"Log in as before; for a new password stop this and run: {RESET}")
        self._say("Ctrl-C stops it.")


def _only_one_of(home: Path) -> IO[str]:
    """The lock of this home's one running installation.

    Raises:
        CommandError: it is already running.
    """
    home.mkdir(parents=True, exist_ok=True)
    lock = (home / "run.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        where = lock.read() or "another address"
        raise CommandError(f"Segmill is already running for this home, at {where}") from None
    return lock


def _address(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104  (shown, not bound)
    return f"http://{shown}:{port}/admin/"


def _web_server(listener: socket.socket) -> Program:
    descriptor = listener.fileno()
    command = [sys.executable, "-m", "config.web", str(descriptor)]
    return Program("web server", command, settings.BASE_DIR, (descriptor,))

"""`manage.py run_workers`: the workers of this machine, and who looks after them."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connections

from segments.operations.processes import GRACE_SECONDS, Supervisor
from segments.operations.watchdog import CLUSTER, Watchdog, worker_programs


class Command(BaseCommand):
    """Starts the cluster and the reaper; restarts what dies, and a cluster that hangs.

    SIGTERM or Ctrl-C ends them: workers may finish what they do within the grace, and what
    is cut off continues from its checkpoint later. Any number of machines may run this.
    """

    help = "Run this machine's workers and reaper, and restart them if they hang."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How patient to be at the end."""
        parser.add_argument(
            "--grace",
            type=float,
            default=GRACE_SECONDS,
            metavar="SECONDS",
            help="how long workers may finish their work on shutdown (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until asked to stop."""
        connections.close_all()
        supervisor = Supervisor(worker_programs(), self._say, options["grace"])
        with Watchdog(supervisor.running(CLUSTER), self._say):
            supervisor.run(
                ready=lambda: self._say("Workers are running. Press Ctrl-C to stop them.")
            )
        self._say("Stopped.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

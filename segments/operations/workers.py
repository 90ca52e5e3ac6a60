"""The workers of a machine: django-q2's cluster, the reaper, and who watches over the cluster."""

import logging
import sys
from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import Error, connections

from config.programs import Program, Running
from segments.operations.dead_holders import release_leases
from segments.operations.stall import find_stall

logger = logging.getLogger(__name__)

CLUSTER = "worker cluster"
REAPER = "reaper"


def worker_programs() -> list[Program]:
    """What a machine has to run so that imports go on."""
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    return [
        Program(CLUSTER, [*manage, "qcluster"], settings.BASE_DIR),
        Program(REAPER, [*manage, "import_reaper"], settings.BASE_DIR),
    ]


class Watchdog:
    """A thread that gives the cluster up, as a whole, when its workers hang.

    As a whole, because what hangs is a lock that its processes share.
    """

    def __init__(self, cluster: Running, tell: Callable[[str], None]) -> None:
        self._cluster, self._tell = cluster, tell
        self._ended = Event()
        self._thread = Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(settings.SEGMILL_REAPER_SECONDS):
            try:
                release_leases()
                stall = find_stall(self._cluster.age)
            except Error as trouble:  # workers cannot do anything either
                logger.warning("the watchdog cannot see: %s", trouble)
            else:
                if stall:
                    self._tell(f"The {CLUSTER} hangs: {stall}.")
                    self._cluster.give_up()
            finally:
                connections.close_all()

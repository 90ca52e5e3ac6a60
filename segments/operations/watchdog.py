"""Starts this machine's workers, notices when they hang, and restarts them."""

import logging
import socket
import sys
from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Self

from django.db import Error, connections
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from segments.conf import project_folder
from segments.jobs import heartbeats
from segments.models import Chunk, ImportJob
from segments.models.import_job import ChunkStatus
from segments.operations import reaper
from segments.operations.claimable import KINDS, find_claimable
from segments.operations.processes import Program, Running
from segments.operations.reaper import CANARY_SECONDS, release_leases, stall_seconds

# Each restart that leads to nothing doubles the time until the next, up to 2 ** 6 times as long. A
# machine so busy that its workers start more slowly than this would restart them for ever.
MOST_DOUBLINGS = 6


def find_stall(seconds_up: float, restarts: int = 0) -> str | None:
    """Why workers that have run for `seconds_up` should be restarted; None if they work.

    `restarts` says how often that was done since they last took a task.
    """
    timeout = stall_seconds() * 2 ** min(restarts, MOST_DOUBLINGS)
    quiet = min(heartbeats.age(heartbeats.worker()) or seconds_up, seconds_up)
    if quiet < timeout or _is_something_held_here():
        return None
    waiting = max((found.since for found in find_claimable() if not found.is_worked_on), default=0)
    if waiting > timeout:
        return f"work has waited for {waiting:,.0f} s, and they took none for {quiet:,.0f} s"
    if _is_canary_lost(seconds_up):
        return f"no worker has answered for {quiet:,.0f} s"
    return None


def _is_something_held_here() -> bool:
    """Whether a worker of this machine holds a live lease, and so makes progress."""
    here = {"lease_owner__startswith": f"{socket.gethostname()}:", "lease_until__gte": Now()}
    chunks = Chunk.objects.filter(status=ChunkStatus.RUNNING, **here)
    of_open_imports = Exists(ImportJob.objects.open().filter(pk=OuterRef("job_id")))
    held = (chunks.filter(of_open_imports), *(kind.jobs.open().filter(**here) for kind in KINDS))
    return any(each.exists() for each in held)


def _is_canary_lost(seconds_up: float) -> bool:
    """Whether the reaper sends canaries and no worker of any machine answers."""
    timeout = CANARY_SECONDS + stall_seconds()
    asked = heartbeats.age(heartbeats.CANARY)
    if asked is None or asked > timeout or seconds_up < timeout:
        return False
    answered = heartbeats.age_of_any_worker()
    return answered is None or answered > timeout


logger = logging.getLogger(__name__)

CLUSTER = "worker cluster"
REAPER = "reaper"


def worker_programs() -> list[Program]:
    """The programs that every worker machine runs."""
    folder = project_folder()
    manage = [sys.executable, str(folder / "manage.py")]
    return [
        Program(CLUSTER, [*manage, "qcluster"], folder),
        Program(REAPER, [*manage, "import_reaper"], folder),
    ]


class Watchdog:
    """A thread that restarts the whole cluster when its workers hang.

    The whole cluster, because its processes share the lock they hang on.
    """

    def __init__(self, cluster: Running, tell: Callable[[str], None]) -> None:
        self._cluster, self._tell = cluster, tell
        self._restarts = 0
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
        while not self._ended.wait(reaper.LOOK_SECONDS):
            try:
                release_leases()
                stall = self._find_stall()
            except Error as trouble:  # workers cannot do anything either
                logger.warning("the watchdog cannot check the workers: %s", trouble)
            else:
                if stall:
                    self._tell(f"The {CLUSTER} hangs: {stall}.")
                    self._cluster.give_up()
                    self._restarts += 1
            finally:
                connections.close_all()

    def _find_stall(self) -> str | None:
        up, beat = self._cluster.age, heartbeats.age(heartbeats.worker())
        if beat is not None and beat < up:  # these workers have taken a task
            self._restarts = 0
        return find_stall(up, self._restarts)

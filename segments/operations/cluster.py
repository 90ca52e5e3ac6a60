"""Django-q2's cluster, which exits when a process was killed that held a queue's lock.

An idle worker holds the lock of the task queue while it waits for a task, the monitor holds that
of the results, and the pusher takes one whenever it passes a task on. If the holder is killed, the
lock stays locked: its replacement waits for ever, and so do all others, while the cluster's own
statistics stay green (django-q2 1.11.1, issue 23). A busy worker holds no lock, so it is replaced
as usual, and so is a process that ended by an error, which released its lock.
"""

import logging
import os
from multiprocessing.process import BaseProcess

from django_q import cluster

logger = logging.getLogger(__name__)

IDLE = -1
"""The value of a worker's timer while it waits for a task."""
GIVEN_UP = 1


class LockAwareSentinel(cluster.Sentinel):  # type: ignore[misc]  # it has no types
    """Replaces processes that died, or ends the whole cluster where that cannot help."""

    def reincarnate(self, process: BaseProcess) -> None:
        """Replace `process`, or end the cluster for its supervisor to start again."""
        if may_hold_a_lock(process):
            self._give_up(process)
        super().reincarnate(process)

    def _give_up(self, dead: BaseProcess) -> None:
        logger.critical(
            "process %s of the cluster was killed while it held a queue's lock; "
            "ending the cluster for a restart",
            dead.pid,
        )
        for process in (*self.pool, self.monitor, self.pusher):
            process.kill()
        os._exit(GIVEN_UP)


def may_hold_a_lock(dead: BaseProcess) -> bool:
    """Whether a process was killed by a signal while it was not running a task."""
    was_killed = dead.exitcode is not None and dead.exitcode < 0
    timer = getattr(dead, "timer", None)  # only workers have one
    return was_killed and (timer is None or timer.value == IDLE)

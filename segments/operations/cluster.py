"""Django-q2's cluster, which gives itself up when a process was killed that held a queue's lock.

An idle worker waits for a task with the lock of the task queue in its hand, the monitor with that
of the results, and the pusher has one whenever it hands a task over. A lock whose holder is killed
stays locked: whoever is started in its place waits for ever, and so do all others, while the
cluster's own statistics stay green (django-q2 1.11.1, issue 23). A busy worker holds none: it is
replaced as usual, and so is everybody who ended by an error, and let go.
"""

import logging
import os
from multiprocessing.process import BaseProcess

from django_q import cluster

logger = logging.getLogger(__name__)

IDLE = -1
"""What a worker's timer says while it waits for a task."""
GIVEN_UP = 1


class LockAwareSentinel(cluster.Sentinel):  # type: ignore[misc]  # it has no types
    """Replaces processes that died, and the whole cluster where that cannot help."""

    def reincarnate(self, process: BaseProcess) -> None:
        """Replace `process`, or end the cluster for its supervisor to start anew."""
        if may_hold_a_lock(process):
            self._give_up(process)
        super().reincarnate(process)

    def _give_up(self, dead: BaseProcess) -> None:
        logger.critical(
            "process %s of the cluster was killed with the lock of a queue in its hand; "
            "the cluster ends, to be started anew",
            dead.pid,
        )
        for process in (*self.pool, self.monitor, self.pusher):
            process.kill()
        os._exit(GIVEN_UP)


def may_hold_a_lock(dead: BaseProcess) -> bool:
    """Whether a process was killed by a signal while it was not busy with a task."""
    was_killed = dead.exitcode is not None and dead.exitcode < 0
    timer = getattr(dead, "timer", None)  # only workers have one
    return was_killed and (timer is None or timer.value == IDLE)

"""Django-q2's cluster, which gives itself up when a process was killed that held a queue's lock.

An idle worker waits for a task with the lock of the task queue in its hand, and the monitor with
that of the results. A lock whose holder is killed stays locked: whoever is started in its place
waits for ever, and so do all others, while the cluster's own statistics stay green (django-q2
1.11.1, issue 23). A busy worker and the pusher hold no lock and are replaced as usual.
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
        if process is self.monitor or may_hold_a_lock(process):
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


def may_hold_a_lock(worker: BaseProcess) -> bool:
    """Whether a worker was killed while it waited for a task: one that ended by itself let go."""
    timer = getattr(worker, "timer", None)
    was_killed = worker.exitcode is not None and worker.exitcode < 0
    return was_killed and timer is not None and timer.value == IDLE

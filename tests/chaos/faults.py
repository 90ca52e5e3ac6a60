"""The faults, injected into an installation one at a time."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psutil
from django.db import connection, connections

from tests.chaos.installation import Installation
from tests.chaos.messages import enqueue_all, messages
from tests.chaos.surroundings import LEASE_SECONDS

COPIES = 20
# How long messages are held back, and Valkey stays down.
AWAY_SECONDS = (0.5, 3.0)
# A little longer than a lease: a stopped worker wakes up when others have taken over.
PAST_LEASE_SECONDS = LEASE_SECONDS + 1.5
TERMINATE = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


class NoEffect(Exception):
    """There was nothing to inject the fault into at this moment."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The installation under test, and the source of randomness."""

    installation: Installation
    chance: random.Random

    def pick(self, role: str) -> psutil.Process:
        """A random process of a role.

        Raises:
            NoEffect: there is none at this moment.
        """
        found = self.installation.find(role)
        if not found:
            raise NoEffect(role)
        return self.chance.choice(found)

    def stay_away(self) -> None:
        """Wait for a while."""
        time.sleep(self.chance.uniform(*AWAY_SECONDS))


Act = Callable[[Scene], None]


def kill(role: str) -> Act:
    """SIGKILL for one process."""

    def act(scene: Scene) -> None:
        try:
            scene.pick(role).kill()
        except psutil.Error as gone:
            raise NoEffect(role) from gone

    return act


def stop_past_the_lease(scene: Scene) -> None:
    """SIGSTOP for a worker until others have taken its work; then it continues where it was."""
    try:
        stopped = scene.pick("worker")
        stopped.suspend()
        time.sleep(PAST_LEASE_SECONDS)
        stopped.resume()
    except psutil.Error as gone:  # the watchdog may have killed it with its cluster
        raise NoEffect("worker") from gone


def terminate_backends(scene: Scene) -> None:
    """Drop the connections of all clients of PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute(TERMINATE)
    connections.close_all()


def restart_postgres(mode: str) -> Act:
    """Stop PostgreSQL and start it again."""

    def act(scene: Scene) -> None:
        connections.close_all()
        scene.installation.postgres.restart(mode)

    return act


def kill_everything(scene: Scene) -> None:
    """A power cut for everything but the database."""
    scene.installation.kill_all()


def restart_everything(scene: Scene) -> None:
    """Like a deployment: everything ends gracefully, and starts again."""
    scene.installation.ask_to_end()


def double_messages(scene: Scene) -> None:
    """Put each message back many times."""
    enqueue_all()
    queue = messages()
    queue.put(queue.take() * COPIES)


def delay_messages(scene: Scene) -> None:
    """Take messages away and bring them back later, in another order."""
    enqueue_all()
    queue = messages()
    taken = queue.take()
    scene.stay_away()
    scene.chance.shuffle(taken)
    queue.put(taken)


def lose_messages(scene: Scene) -> None:
    """Take messages away for good."""
    messages().take()


def kill_redis(scene: Scene) -> None:
    """SIGKILL; it comes back empty."""
    valkey = scene.installation.valkey
    assert valkey
    valkey.kill()
    scene.stay_away()
    valkey.start_again()


def empty_redis(scene: Scene) -> None:
    """FLUSHALL: messages, cache and all."""
    assert scene.installation.valkey
    scene.installation.valkey.empty()


EVERYWHERE: Mapping[str, Act] = {
    "kill -9 cluster": kill("cluster"),
    "kill -9 sentinel": kill("sentinel"),
    "kill -9 worker": kill("worker"),
    "kill -9 pusher": kill("pusher"),
    "kill -9 monitor": kill("monitor"),
    "kill -9 reaper": kill("reaper"),
    "kill -9 supervisor": kill("workers"),
    "kill -9 web": kill("web"),
    "kill -9 everything": kill_everything,
    "restart everything": restart_everything,
    "SIGSTOP past the lease": stop_past_the_lease,
    "pg_terminate_backend of all": terminate_backends,
    "PostgreSQL restart, fast": restart_postgres("fast"),
    "PostgreSQL restart, immediate": restart_postgres("immediate"),
    "messages doubled": double_messages,
    "messages delayed, reordered": delay_messages,
    "messages lost": lose_messages,
}
REDIS_ONLY: Mapping[str, Act] = {"kill -9 Redis": kill_redis, "FLUSHALL": empty_redis}


def faults_for(broker: str) -> dict[str, Act]:
    """All kinds of faults that are possible with this broker."""
    return {**EVERYWHERE, **(REDIS_ONLY if broker == "redis" else {})}

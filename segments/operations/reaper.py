"""The reaper: enqueues forgotten jobs, ends hopeless ones, frees the leases of dead processes."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error, connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from segments.db import positions
from segments.db.errors import broker_errors
from segments.db.transactions import Busy, lock_timeout
from segments.imports import foreground, runner
from segments.indexing import upkeep
from segments.jobs import heartbeats, leases, queue
from segments.jobs.leases import LeaseOwner
from segments.jobs.state_machine import StateMachine
from segments.models import Chunk, EmbeddingCall, ImportJob
from segments.models.import_job import ChunkStatus
from segments.models.job import FINAL_STATUSES
from segments.operations.claimable import KINDS, Claimable, find_claimable
from segments.reembedding import vectors

logger = logging.getLogger(__name__)

# How often the reaper runs: it picks up a killed worker's job a lease and one round later.
LOOK_SECONDS = 5
# An import that has waited a week for a worker, or for its model, fails.
EXPIRE_HOURS = 168
PROCESSES = Path("/proc")
# A process that has ended, but was not collected yet.
ENDED_STATES = frozenset("ZX")


def release_leases() -> int:
    """End the live leases of processes that are gone from this machine; returns how many."""
    chunks = Chunk.objects.filter(status=ChunkStatus.RUNNING)
    leased = [kind.jobs.filter(status__in=kind.leased) for kind in KINDS]
    released = sum(map(_release, (chunks, *leased))) + _release_calls()
    if released:
        logger.warning("ended %s leases of dead processes", released)
    return released


def _release(held: QuerySet[Any]) -> int:
    live = held.filter(lease_until__gt=Now())
    gone = _gone(live.values_list("lease_owner", flat=True))
    try:
        with lock_timeout():
            return live.filter(lease_owner__in=gone).update(lease_until=Now()) if gone else 0
    except Busy:  # its last statement is still running
        return 0


def _release_calls() -> int:
    """Forget requests to endpoints by dead processes, to free their slots."""
    calls = EmbeddingCall.objects.all()
    gone = _gone(calls.values_list("holder", flat=True))
    return calls.filter(holder__in=gone).delete()[0] if gone else 0


def _gone(owners: Iterable[str]) -> list[str]:
    return [owner for owner in set(owners) if is_gone(LeaseOwner.parse(owner))]


def is_gone(holder: LeaseOwner | None) -> bool:
    """Whether a process that would be visible from here no longer runs."""
    if holder is None or not holder.is_neighbour:
        return False
    try:
        stat = (PROCESSES / str(holder.process) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    # Its second field is the program's name, which may contain blanks and parentheses.
    return stat.rpartition(")")[2].split()[0] in ENDED_STATES


# Any number that nothing else in the database uses: "segmill" in ASCII.
ADVISORY_LOCK = int.from_bytes(b"segmill")
# A reaper that is suspended while it holds the lock loses its connection, and so the lock.
IDLE_SECONDS = 60
# Workers tidy up after an import themselves; this is for workers that were killed.
TIDY_AFTER = timedelta(seconds=10)
# A message that waits in a long queue is not sent again all the time, but not given up either.
MAX_BACKOFF_SECONDS = 3_600
# Work whose message was lost continues within a lease and one round.
MESSAGES_PER_LEASE = 2
# How often an idle installation checks that its workers take tasks.
CANARY_SECONDS = 60
# A worker takes work within a second of its message, and a lost message is sent again after a lease
# and one round. Workers that leave work alone for this much longer hang.
STALL_GRACE_SECONDS = 25


def stall_seconds() -> int:
    """How long work may wait for idle workers before they count as hanging."""
    return int(settings.SEGMILL_LEASE_SECONDS) + LOOK_SECONDS + STALL_GRACE_SECONDS


@dataclass(frozen=True, slots=True)
class Sweep:
    """How many jobs were enqueued again, failed, and tidied up after."""

    enqueued: int = 0
    failed: int = 0
    tidied: int = 0

    def __bool__(self) -> bool:
        return bool(self.enqueued or self.failed or self.tidied)


def sweep() -> Sweep | None:
    """Look after all jobs once; None if another reaper is running."""
    with _only_one() as is_ours:
        if not is_ours:
            return None
        heartbeats.beat(heartbeats.REAPER)
        swept = Sweep(
            failed=sum(_end_spent(kind) + _end_expired(kind) for kind in KINDS),
            enqueued=_enqueue_overdue(),
            tidied=_tidy() + vectors.clear_ownerless() + upkeep.tidy(),
        )
        foreground.clean_up()
        positions.settle()
        _send_canary_if_quiet()
    if swept:
        logger.info("reaper: %s", swept)
    return swept


@contextmanager
def _only_one() -> Iterator[bool]:
    """The advisory lock, if it is free; it is released with the connection, however that ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('idle_session_timeout', %s, false)", [f"{IDLE_SECONDS}s"])
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
        is_ours: bool = cursor.fetchone()[0]
    try:
        yield is_ours
    finally:
        with connection.cursor() as cursor:
            if is_ours:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])
            cursor.execute("RESET idle_session_timeout")


def _end_spent(kind: StateMachine[Any]) -> int:
    """Fail jobs that have used up their tries; one whose holder is committing is left alone."""
    return _each(kind.spent(), kind.give_up_if_spent)


def _end_expired(kind: StateMachine[Any]) -> int:
    """Fail jobs that have waited too long for a worker or for their model."""
    time = timedelta(hours=EXPIRE_HOURS)
    forgotten = kind.jobs.open().filter(kind.stalled(time, leases_over=time))
    return _each(forgotten, partial(kind.expire, hours=EXPIRE_HOURS))


def _enqueue_overdue() -> int:
    """Enqueue again the jobs with work that no worker has claimed."""
    backoff = enqueue_backoff()
    overdue = [found for found in find_claimable() if is_overdue(found, backoff)]
    for found in overdue:
        found.kind.enqueue_again(found.job_id)
    return len(overdue)


def is_overdue(found: Claimable, backoff: float) -> bool:
    """Whether the job has new work that was never enqueued, or its message was lost."""
    is_news = found.since < found.enqueued and not found.is_worked_on
    return is_news or found.enqueued > backoff


def enqueue_backoff() -> float:
    """How many seconds a message may still be waiting in the queue."""
    try:
        waiting = queue.messages_waiting() or 0
    except broker_errors() as trouble:
        logger.warning("the broker does not say how long its queue is: %s", trouble)
        waiting = 0
    turns = waiting / queue.worker_count()
    return float(
        min(
            max(settings.SEGMILL_LEASE_SECONDS / MESSAGES_PER_LEASE, turns * leases.TURN_SECONDS),
            MAX_BACKOFF_SECONDS,
        )
    )


def _tidy() -> int:
    """Remove the staged rows of imports whose last worker was killed before it could."""
    left = ImportJob.objects.filter(
        status__in=FINAL_STATUSES, tidied_at__isnull=True, finished_at__lt=Now() - TIDY_AFTER
    )
    return _each(left, runner.settle)


def _send_canary_if_quiet() -> None:
    """Have a worker prove that it takes tasks, unless one has just done so."""
    ages = heartbeats.age_of_any_worker(), heartbeats.age(heartbeats.CANARY)
    if all(age is None or age > CANARY_SECONDS for age in ages):
        heartbeats.beat(heartbeats.CANARY)
        queue.send_canary()


def _each(jobs: QuerySet[Any], act: Callable[[UUID], object]) -> int:
    """Act on each job; returns for how many that did something.

    An error for one job is logged and does not stop the others.
    """
    done = 0
    for job_id in jobs.order_by("created_at").values_list("pk", flat=True):
        try:
            done += bool(act(job_id))
        except Error:
            raise
        except Exception:
            logger.exception("reaper: job %s", job_id)
    return done

"""The reaper: sees to imports that nobody sees to, so that every one of them ends.

It reads the imports' rows and never touches work whose lease is live. It runs as a process of
its own (`manage.py import_reaper`), every few seconds, and as a schedule of the queue, for
installations without that process. One sweep at a time works, whoever makes it.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django_q.brokers import get_broker
from redis.exceptions import RedisError

from segments import heartbeats
from segments.hints import hint, send_canary
from segments.importing import abandoned, job, state
from segments.importing.silence import is_silent
from segments.models import ImportJob
from segments.models.import_job import FINAL_STATUSES, LEASED_STATUSES
from segments.operations import reembeddings
from segments.operations.claimable import Claimable, find_claimable
from segments.operations.metrics.totals import sum_up_if_many

logger = logging.getLogger(__name__)

# Any number will do, as long as nothing else in the database uses it: "segmill" in ASCII.
ADVISORY_LOCK = int.from_bytes(b"segmill")
# A reaper that is stopped with the lock in its hand loses its connection, and the lock with it.
IDLE_SECONDS = 60
# Workers tidy up after an import themselves; this is what is left of killed ones.
TIDY_AFTER = timedelta(seconds=10)
# A hint that waits in a long queue is not sent again and again, but neither given up.
MAX_HINT_SECONDS = 3_600
# What a lost hint holds up goes on before a lease and a look are over.
HINTS_PER_LEASE = 2
# An idle installation shows so often that its workers take tasks.
CANARY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Sweep:
    """How many imports were hinted at, ended as failed, and tidied up after."""

    hinted: int = 0
    failed: int = 0
    tidied: int = 0

    def __bool__(self) -> bool:
        return bool(self.hinted or self.failed or self.tidied)


def sweep() -> Sweep | None:
    """See to all imports once; None if another reaper is at it."""
    with _only_one() as is_ours:
        if not is_ours:
            return None
        heartbeats.beat(heartbeats.REAPER)
        swept = Sweep(
            failed=_end_spent() + _end_expired() + reembeddings.end_expired(),
            hinted=_hint() + reembeddings.hint_overdue(hint_patience()),
            tidied=_tidy() + reembeddings.tidy(),
        )
        abandoned.clean_up()
        _send_canary_if_quiet()
        sum_up_if_many()
    if swept:
        logger.info("reaper: %s", swept)
    return swept


@contextmanager
def _only_one() -> Iterator[bool]:
    """The advisory lock, if it is free; it goes with the connection, however that ends."""
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


def _end_spent() -> int:
    """End imports whose tries are spent; a publisher at work has its row locked and is left."""
    abandoned = ImportJob.objects.filter(status__in=LEASED_STATUSES, lease_until__lt=Now())
    spent = abandoned.filter(attempts__gte=settings.SEGMILL_MAX_ATTEMPTS)
    return _each(spent, state.give_up_if_spent)


def _end_expired() -> int:
    """End imports that waited too long for a worker, or for their model."""
    hours = settings.SEGMILL_EXPIRE_HOURS
    time = timedelta(hours=hours)
    forgotten = ImportJob.objects.open().filter(is_silent(time, leases_over=time))
    return _each(forgotten, partial(state.expire, hours=hours))


def _hint() -> int:
    """Tell workers again of imports with work that nobody has taken."""
    patience = hint_patience()
    overdue = [found for found in find_claimable() if needs_hint(found, patience)]
    for found in overdue:
        with transaction.atomic():
            hint(found.job_id)
            state.mark_hinted(found.job_id)
    return len(overdue)


def needs_hint(found: Claimable, patience: float) -> bool:
    """Whether workers have not been told since there is work, or so long ago that it was lost."""
    is_news = found.since < found.hinted and not found.is_worked_on
    return is_news or found.hinted > patience


def hint_patience() -> float:
    """For how many seconds a hint that was sent may be taken to wait in the queue still."""
    try:
        waiting = get_broker().queue_size() or 0
    except RedisError as trouble:
        logger.warning("the broker does not say how long its queue is: %s", trouble)
        waiting = 0
    turns = waiting / settings.SEGMILL_WORKERS
    return float(
        min(
            max(
                settings.SEGMILL_LEASE_SECONDS / HINTS_PER_LEASE,
                turns * settings.SEGMILL_TURN_SECONDS,
            ),
            MAX_HINT_SECONDS,
        )
    )


def _tidy() -> int:
    """Remove what is staged of imports whose last worker was killed before it could."""
    left = ImportJob.objects.filter(
        status__in=FINAL_STATUSES, tidied_at__isnull=True, finished_at__lt=Now() - TIDY_AFTER
    )
    return _each(left, job.settle)


def _send_canary_if_quiet() -> None:
    """Have any worker show that it takes tasks, unless one has just done so."""
    ages = heartbeats.age_of_any_worker(), heartbeats.age(heartbeats.CANARY)
    if all(age is None or age > CANARY_SECONDS for age in ages):
        heartbeats.beat(heartbeats.CANARY)
        send_canary()


def _each(jobs: QuerySet[ImportJob], act: Callable[[UUID], object]) -> int:
    """Act on each import, and count for how many that did something.

    What cannot be done for one of them is reported, and done for the others.
    """
    done = 0
    for job_id in jobs.order_by("created_at").values_list("pk", flat=True):
        try:
            done += bool(act(job_id))
        except Error:
            raise
        except Exception:
            logger.exception("reaper: import %s", job_id)
    return done

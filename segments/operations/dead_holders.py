"""Ends the leases of processes of this machine that are gone, so that nobody waits for them.

Leases run out by themselves; where it can be seen that a holder was killed, its work is taken
up a look of the reaper later instead. A lease that is ended wrongly would cost a try and no more:
what its holder writes later is fenced by its epoch like everybody's.
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from segments.holders import Holder
from segments.importing.waiting import Busy, briefly
from segments.models import Chunk, EmbeddingCall, ImportJob, Reembedding
from segments.models.chunk import ChunkStatus
from segments.models.import_job import LEASED_STATUSES

logger = logging.getLogger(__name__)

PROCESSES = Path("/proc")
# A process that has ended and that nobody has collected yet.
ENDED_STATES = frozenset("ZX")


def release_leases() -> int:
    """End the live leases of holders that are gone from this machine; how many there were."""
    released = (
        _release(Chunk.objects.filter(status=ChunkStatus.RUNNING))
        + _release(ImportJob.objects.filter(status__in=LEASED_STATUSES))
        + _release(Reembedding.objects.open())
        + _release_calls()
    )
    if released:
        logger.warning("%s leases of processes that are gone were ended", released)
    return released


def _release(held: QuerySet[Any]) -> int:
    live = held.filter(lease_until__gt=Now())
    gone = _gone(live.values_list("lease_owner", flat=True))
    try:
        with briefly():
            return live.filter(lease_owner__in=gone).update(lease_until=Now()) if gone else 0
    except Busy:  # its last statement is running still
        return 0


def _release_calls() -> int:
    """Requests to endpoints that nobody waits for: others may have their places."""
    calls = EmbeddingCall.objects.all()
    gone = _gone(calls.values_list("holder", flat=True))
    return calls.filter(holder__in=gone).delete()[0] if gone else 0


def _gone(owners: Iterable[str]) -> list[str]:
    return [owner for owner in set(owners) if is_gone(Holder.parse(owner))]


def is_gone(holder: Holder | None) -> bool:
    """Whether a process that can be seen from here is none any more."""
    if holder is None or not holder.is_neighbour:
        return False
    try:
        stat = (PROCESSES / str(holder.process) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    # Its second field is the program's name, which may have blanks and brackets in it.
    return stat.rpartition(")")[2].split()[0] in ENDED_STATES

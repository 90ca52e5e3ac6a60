"""Ends the leases of processes of this machine that are gone, so that nobody waits for them.

Leases run out by themselves; where it can be seen that a holder was killed, its work is taken
up a look of the reaper later instead. A lease that is ended wrongly would cost a try and no more:
what its holder writes later is fenced by its epoch like everybody's.
"""

import logging
from pathlib import Path

from django.db.models import QuerySet
from django.db.models.functions import Now

from segments.importing.leases import Holder
from segments.importing.waiting import Busy, briefly
from segments.models import Chunk, ImportJob
from segments.models.chunk import ChunkStatus
from segments.models.import_job import LEASED_STATUSES

logger = logging.getLogger(__name__)

PROCESSES = Path("/proc")
# A process that has ended and that nobody has collected yet.
ENDED_STATES = frozenset("ZX")


def release_leases() -> int:
    """End the live leases of holders that are gone from this machine; how many there were."""
    chunks = Chunk.objects.filter(status=ChunkStatus.RUNNING)
    jobs = ImportJob.objects.filter(status__in=LEASED_STATUSES)
    released = _release(chunks) + _release(jobs)
    if released:
        logger.warning("%s leases of processes that are gone were ended", released)
    return released


def _release(held: QuerySet[Chunk] | QuerySet[ImportJob]) -> int:
    live = held.filter(lease_until__gt=Now())
    owners = set(live.values_list("lease_owner", flat=True))
    gone = [owner for owner in owners if is_gone(Holder.parse(owner))]
    try:
        with briefly():
            return live.filter(lease_owner__in=gone).update(lease_until=Now()) if gone else 0
    except Busy:  # its last statement is running still
        return 0


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

"""Whether the workers of this machine hang: there is work, and they take none.

A django-q2 cluster whose idle worker is killed never runs a task again, while its own
statistics stay green; so what counts is what happens in our tables.
"""

import socket

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from segments import heartbeats
from segments.models import Chunk, ImportJob
from segments.models.chunk import ChunkStatus
from segments.operations.claimable import find_claimable
from segments.operations.reaper import CANARY_SECONDS


def find_stall(seconds_up: float) -> str | None:
    """Why workers that were started so long ago should be started anew; None if they work."""
    patience = settings.SEGMILL_STALL_SECONDS
    quiet = min(heartbeats.age(heartbeats.worker()) or seconds_up, seconds_up)
    if quiet < patience or _is_something_held_here():
        return None
    waiting = max((found.since for found in find_claimable() if not found.is_worked_on), default=0)
    if waiting > patience:
        return f"work has waited for {waiting:,.0f} s, and they took none for {quiet:,.0f} s"
    if _is_canary_lost(seconds_up):
        return f"no worker has answered for {quiet:,.0f} s"
    return None


def _is_something_held_here() -> bool:
    """Whether a worker of this machine holds a live lease: it shows progress, then."""
    here = {"lease_owner__startswith": f"{socket.gethostname()}:", "lease_until__gte": Now()}
    chunks = Chunk.objects.filter(status=ChunkStatus.RUNNING, **here)
    held = ImportJob.objects.open().filter(pk=OuterRef("job_id"))
    return ImportJob.objects.open().filter(**here).exists() or chunks.filter(Exists(held)).exists()


def _is_canary_lost(seconds_up: float) -> bool:
    """Whether the reaper asks for signs of life, and no worker of any machine gives one."""
    patience = CANARY_SECONDS + settings.SEGMILL_STALL_SECONDS
    asked = heartbeats.age(heartbeats.CANARY)
    if asked is None or asked > patience or seconds_up < patience:
        return False
    answered = heartbeats.age_of_any_worker()
    return answered is None or answered > patience

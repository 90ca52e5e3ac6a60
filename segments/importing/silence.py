"""Imports that nothing shows anybody works on, as a condition on their rows and chunks.

Signs of life are a lease, on the job or on a chunk, and a step that was just done.
"""

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from segments.models import Chunk
from segments.models.import_job import LEASED_STATUSES, ImportStatus


def is_silent(time: timedelta, *, leases_over: timedelta) -> Q:
    """Whether an open import has made no step for `time`, and no lease held `leases_over` ago."""
    lately, leased = Now() - time, Now() - leases_over
    chunks = Chunk.objects.filter(job_id=OuterRef("pk"))
    chunk_lives = Exists(chunks.filter(Q(lease_until__gte=leased) | Q(finished_at__gte=lately)))
    embeds = Q(status__in=(ImportStatus.EMBEDDING, ImportStatus.INTERRUPTED))
    return (
        Q(status=ImportStatus.WAITING, created_at__lt=lately)
        | Q(status__in=LEASED_STATUSES, lease_until__lt=leased)
        | Q(~chunk_lives & embeds, prepared_at__lt=lately)
    )

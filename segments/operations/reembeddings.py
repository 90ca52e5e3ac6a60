"""What the reaper does for vectors that are made anew: nobody forgets them, and each ends."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from segments.hints import hint_reembedding
from segments.models import Reembedding
from segments.models.reembedding import ReembeddingStatus
from segments.reembedding import missing, state, vectors


def hint_overdue(patience: float) -> int:
    """Tell workers again of vectors that nobody makes; of how many.

    Not of those they were told of within `patience` seconds, unless those became due since.
    """
    told_long_ago = Now() - timedelta(seconds=patience)
    not_told = Q(hinted_at__isnull=True, created_at__lt=told_long_ago) | Q(
        hinted_at__isnull=True, not_before__isnull=False
    )
    overdue = Reembedding.objects.filter(state.claimable()).filter(
        not_told | Q(hinted_at__lt=F("not_before")) | Q(hinted_at__lt=told_long_ago)
    )
    ids = list(overdue.order_by("created_at").values_list("pk", flat=True))
    for reembedding_id in ids:
        with transaction.atomic():
            hint_reembedding(reembedding_id)
            Reembedding.objects.filter(pk=reembedding_id).update(hinted_at=Now())
    return len(ids)


def end_expired() -> int:
    """End those that waited too long for a worker, or for their model; how many."""
    hours = settings.SEGMILL_EXPIRE_HOURS
    waiting = Reembedding.objects.filter(
        status__in=(ReembeddingStatus.WAITING, ReembeddingStatus.INTERRUPTED),
        created_at__lt=Now() - timedelta(hours=hours),
    )
    error = (
        f"It has waited for {hours:,} hours (SEGMILL_EXPIRE_HOURS). See that workers run and its "
        "model answers; start it again."
    )
    ids = list(waiting.values_list("pk", flat=True))
    return sum(missing.give_up(reembedding_id, "expired", error) for reembedding_id in ids)


def tidy() -> int:
    """Remove what killed workers have left of those that have ended; of how many."""
    return vectors.clear_ownerless()

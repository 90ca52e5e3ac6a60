"""The moves of a reembedding: each is one conditional update, fenced by the epoch of its claim.

waiting ─claim─► embedding ─complete─► completed
                   │  ▲
          interrupt│  │claim, once it is due
                 interrupted
   failed and cancelled from every state but the final ones
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

from segments.db.transactions import Busy, lock_timeout
from segments.exceptions import ClaimLost, ReembeddingNotFound, StateConflict
from segments.jobs import leases
from segments.jobs.leases import is_due, lease, worker_name
from segments.jobs.queue import enqueue_reembedding
from segments.models import Reembedding
from segments.models.embedding import ReembeddingStatus


@dataclass(frozen=True, slots=True)
class ReembeddingClaim:
    """The right to work on a reembedding, as long as `epoch` is its own."""

    id: UUID
    epoch: int


def submit(new: Reembedding, *, background: bool = True) -> Reembedding:
    """Accept a reembedding and, with `background`, tell a worker in the same transaction.

    Raises:
        StateConflict: the dataset has one under way.
    """
    try:
        with transaction.atomic():
            new.save(force_insert=True)
            if background:
                enqueue_reembedding(new.pk)
    except IntegrityError as conflict:
        raise StateConflict(
            f"The vectors of dataset “{new.dataset}” are being made anew already. "
            "Wait until that has ended, or cancel it."
        ) from conflict
    return new


def load(reembedding_id: UUID) -> Reembedding:
    """The reembedding as its row says now.

    Raises:
        ReembeddingNotFound: there is none.
    """
    found = Reembedding.objects.select_related("dataset").filter(pk=reembedding_id).first()
    if found is None:
        raise ReembeddingNotFound(str(reembedding_id))
    return found


def claimable() -> Q:
    """Those that a worker could take at this moment."""
    waiting = Q(status__in=(ReembeddingStatus.WAITING, ReembeddingStatus.INTERRUPTED))
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    return is_due() & (waiting | Q(free, status=ReembeddingStatus.EMBEDDING))


def claim(reembedding_id: UUID) -> ReembeddingClaim | None:
    """Take it, if nobody works on it and it is due; None if there is nothing to take."""
    untired = Q(attempts__lt=leases.MAX_ATTEMPTS)
    try:
        with lock_timeout():
            taken = Reembedding.objects.filter(claimable(), untired, pk=reembedding_id).update(
                status=ReembeddingStatus.EMBEDDING,
                epoch=F("epoch") + 1,
                attempts=F("attempts") + 1,
                lease_owner=worker_name(),
                lease_until=lease(),
                not_before=None,
                error_code="",
                error="",
                started_at=Coalesce("started_at", Now()),
            )
            if not taken:
                return None
            epoch = Reembedding.objects.values_list("epoch", flat=True).get(pk=reembedding_id)
    except Busy:  # its vectors are put in their places, though the lease has run out
        return None
    return ReembeddingClaim(reembedding_id, epoch)


def is_spent(reembedding_id: UUID) -> bool:
    """Whether its worker was lost again and again without a step forward."""
    spent = Q(pk=reembedding_id, attempts__gte=leases.MAX_ATTEMPTS)
    return Reembedding.objects.filter(claimable(), spent).exists()


def move(held: ReembeddingClaim, **changes: Any) -> None:
    """Change the row under the claim; the first statement of every transaction that writes.

    Raises:
        ClaimLost: it was cancelled, or another worker has taken it over.
    """
    changed = Reembedding.objects.filter(
        pk=held.id, epoch=held.epoch, status=ReembeddingStatus.EMBEDDING
    ).update(**changes)
    if not changed:
        raise ClaimLost("The reembedding was cancelled or taken over.")


def renew(held: ReembeddingClaim, **changes: Any) -> None:
    """Show progress and keep the lease; what goes forward has its tries given back.

    Raises:
        ClaimLost: it was cancelled, or another worker has taken it over.
    """
    move(held, lease_until=lease(), **changes)


def release(held: ReembeddingClaim, seconds: float = 0, waits_for: str = "") -> None:
    """Leave it for the next turn, after so many seconds; the try does not count."""
    move(
        held,
        attempts=0,
        lease_until=None,
        not_before=Now() + timedelta(seconds=seconds),
        waits_for=waits_for,
    )


def interrupt(held: ReembeddingClaim, code: str, error: str) -> None:
    """Leave it where it stands, to go on by itself after a while.

    Raises:
        ClaimLost: it was cancelled, or another worker has taken it over.
    """
    move(
        held,
        status=ReembeddingStatus.INTERRUPTED,
        attempts=0,
        lease_until=None,
        not_before=Now() + timedelta(seconds=leases.RESUME_SECONDS),
        error_code=code,
        error=error,
    )


def resume(reembedding_id: UUID, *, background: bool = True) -> None:
    """Let an interrupted one go on now; with `background`, a worker is told.

    Raises:
        StateConflict: it is not interrupted.
    """
    with transaction.atomic():
        resumed = Reembedding.objects.filter(
            pk=reembedding_id, status=ReembeddingStatus.INTERRUPTED
        ).update(not_before=None)
        if not resumed:
            raise StateConflict("It is not interrupted, so it cannot be resumed.")
        if background:
            enqueue_reembedding(reembedding_id)


def complete(held: ReembeddingClaim, **changes: Any) -> None:
    """The last statement of the transaction that puts the vectors in their place."""
    move(
        held,
        status=ReembeddingStatus.COMPLETED,
        finished_at=Now(),
        lease_until=None,
        waits_for="",
        **changes,
    )


def fail(reembedding_id: UUID, code: str, error: str) -> bool:
    """End it with a code and a sentence; False if it has ended already."""
    return _end({"pk": reembedding_id}, ReembeddingStatus.FAILED, code, error)


def fail_held(held: ReembeddingClaim, code: str, error: str) -> bool:
    """As `fail`, by the claim's holder only: a late worker's failure is not its own."""
    return _end({"pk": held.id, "epoch": held.epoch}, ReembeddingStatus.FAILED, code, error)


def cancel(reembedding_id: UUID, why: str = "It was cancelled.") -> None:
    """End it; the dataset stays as it is.

    Raises:
        StateConflict: it has ended already, or its vectors are put in place at this moment.
    """
    try:
        with lock_timeout():
            if _end({"pk": reembedding_id}, ReembeddingStatus.CANCELLED, "cancelled", why):
                return
    except Busy as busy:
        raise StateConflict(
            "The new vectors are being put in their places now, so it is too late to cancel."
        ) from busy
    raise StateConflict("It has ended already, so it cannot be cancelled.")


def _end(which: dict[str, Any], status: ReembeddingStatus, code: str, error: str) -> bool:
    ended = Reembedding.objects.open().filter(**which)
    return bool(
        ended.update(
            status=status,
            epoch=F("epoch") + 1,
            error_code=code,
            error=error,
            waits_for="",
            lease_until=None,
            finished_at=Now(),
        )
    )

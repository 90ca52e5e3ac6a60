"""Which jobs have work that a worker could claim now, and since when."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Now

from segments.imports.state import IMPORT_JOBS
from segments.indexing.state import INDEXES
from segments.jobs.state_machine import StateMachine
from segments.rebuilding.state import REBUILDS
from segments.reembedding.state import REEMBEDDINGS
from segments.webhooks.deliveries import DELIVERIES

KINDS: tuple[StateMachine[Any], ...] = (
    IMPORT_JOBS,
    REEMBEDDINGS,
    INDEXES,
    REBUILDS,
    DELIVERIES,
)
"""Every kind of background job, for the reaper, the doctor and the metrics."""


@dataclass(frozen=True, slots=True)
class Claimable:
    """A job with work to claim.

    `since` is the number of seconds since it became claimable, `enqueued` the number of seconds
    since it was last enqueued; `is_worked_on` says whether workers hold other parts of it.
    """

    kind: StateMachine[Any]
    job_id: UUID
    since: float
    enqueued: float
    is_worked_on: bool


def find_claimable() -> list[Claimable]:
    """The claimable jobs of every kind, the longest waiting one first."""
    found = [claimable for kind in KINDS for claimable in _claimable(kind)]
    return sorted(found, key=lambda claimable: -claimable.since)


# A worker takes work within a second of its message.
TAKEN_WITHIN_SECONDS = 2.0


def is_import_left_waiting() -> bool:
    """Whether an import waits though it could go on: all workers have something else to do."""
    found = _claimable(IMPORT_JOBS)
    return any(each.since > TAKEN_WITHIN_SECONDS and not each.is_worked_on for each in found)


def _claimable(kind: StateMachine[Any]) -> list[Claimable]:
    jobs = kind.claimable().order_by()
    passed = jobs.annotate(
        waited=_passed_since(F("since")),
        enqueued=_passed_since(Coalesce("enqueued_at", "created_at")),
    )
    found = [
        Claimable(kind, job_id, waited.total_seconds(), enqueued.total_seconds(), is_worked_on)
        for job_id, waited, enqueued, is_worked_on in passed.values_list(
            "pk", "waited", "enqueued", "is_worked_on"
        )
    ]
    held = _held(kind, [each.job_id for each in found])
    return [each for each in found if each.job_id not in held]


def _passed_since(moment: Combinable) -> Combinable:
    return ExpressionWrapper(Now() - moment, output_field=DurationField())


@transaction.atomic
def _held(kind: StateMachine[Any], ids: list[UUID]) -> set[UUID]:
    """Jobs whose lease expired during one long statement: their workers still lock the rows."""
    leased = kind.jobs.filter(pk__in=ids, status__in=kind.leased)
    unlocked = leased.select_for_update(skip_locked=True, no_key=True, of=("self",))
    return set(leased.values_list("pk", flat=True)) - set(unlocked.values_list("pk", flat=True))

"""Which jobs have work that a worker could take at this moment, and since when."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Now

from segments.imports.state import IMPORT_JOBS
from segments.jobs.state_machine import StateMachine
from segments.rebuilding.state import REBUILDS
from segments.reembedding.state import REEMBEDDINGS

KINDS: tuple[StateMachine[Any], ...] = (IMPORT_JOBS, REEMBEDDINGS, REBUILDS)
"""Every kind of background job; the reaper, the doctor and the metrics see to all of them."""


@dataclass(frozen=True, slots=True)
class Claimable:
    """A job with work to be taken.

    `since` is how many seconds ago it could be taken first, `enqueued` how many seconds ago
    workers were asked to; `is_worked_on` says whether other parts of it are being worked on.
    """

    kind: StateMachine[Any]
    job_id: UUID
    since: float
    enqueued: float
    is_worked_on: bool


def find_claimable() -> list[Claimable]:
    """The jobs of every kind with work to be taken, the longest waiting one first."""
    found = [claimable for kind in KINDS for claimable in _claimable(kind)]
    return sorted(found, key=lambda claimable: -claimable.since)


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
    """Jobs whose lease has run out during one long statement: their holder has them locked."""
    leased = kind.jobs.filter(pk__in=ids, status__in=kind.leased)
    unlocked = leased.select_for_update(skip_locked=True, no_key=True, of=("self",))
    return set(leased.values_list("pk", flat=True)) - set(unlocked.values_list("pk", flat=True))

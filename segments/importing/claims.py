"""JobClaim: the right to work on an import, and what to say when it is lost."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from segments.exceptions import ClaimLost, ImportCancelled, StateConflict
from segments.models import ImportJob
from segments.models.import_job import ImportStatus


@dataclass(frozen=True, slots=True)
class JobClaim:
    """The right to work on a job's `phase`, as long as `epoch` is the job's.

    `attempts` numbers the tries of the phase, this one included.
    """

    job_id: UUID
    epoch: int
    phase: ImportStatus
    attempts: int
    tenant_id: UUID | None = None


def lock_for_publishing(claim: JobClaim) -> ImportJob:
    """The job, locked until the transaction ends, so that neither cancel nor rival gets between.

    Raises:
        ImportCancelled, ClaimLost: the claim does not hold any more.
    """
    jobs = ImportJob.objects.select_for_update(no_key=True)
    job = jobs.filter(**held(claim)).first()
    if job is None:
        raise reason_lost(claim.job_id)
    return job


def held(claim: JobClaim) -> dict[str, Any]:
    """What the row of the job says as long as the claim holds."""
    return {"pk": claim.job_id, "epoch": claim.epoch, "status": claim.phase}


def reason_lost(job_id: UUID) -> ClaimLost | ImportCancelled:
    """Why the claim on a job does not hold any more."""
    status = ImportJob.objects.values_list("status", flat=True).filter(pk=job_id).first()
    if status == ImportStatus.CANCELLED:
        return ImportCancelled("The import was cancelled.")
    return ClaimLost("Another worker has taken the import over.")


def reason_busy(job_id: UUID) -> StateConflict:
    """Why a job cannot be cancelled at this moment."""
    status = ImportJob.objects.values_list("status", flat=True).filter(pk=job_id).first()
    if status == ImportStatus.PUBLISHING:
        return StateConflict("The import is being published now; undo it afterwards.")
    return StateConflict("A worker is storing rows of the import. Try again in a moment.")

"""How fast an import is, and how far it has come in its phase."""

from dataclasses import dataclass
from datetime import datetime

from segments.models import ImportJob
from segments.models.import_job import ImportStatus

# A rate measured over less time says nothing yet.
SECONDS_BEFORE_RATE = 0.2


def phase_of(job: ImportJob) -> str:
    """The last phase the import has begun, whatever its state is now."""
    if job.status == ImportStatus.COMPLETED:
        return ImportStatus.COMPLETED
    begun = (
        (job.embedded_at, ImportStatus.PUBLISHING),
        (job.prepared_at, ImportStatus.EMBEDDING),
        (job.started_at, ImportStatus.PREPARING),
    )
    return next((phase for moment, phase in begun if moment), ImportStatus.WAITING)


@dataclass(frozen=True, slots=True)
class Pace:
    """`rows` done in `seconds`, which is `fraction` of the phase."""

    rows: int = 0
    seconds: float = 0.0
    fraction: float | None = None

    @property
    def rows_per_second(self) -> float | None:
        """The rate, once there is enough to measure."""
        if not self.rows or self.seconds < SECONDS_BEFORE_RATE:
            return None
        return round(self.rows / self.seconds, 1)

    @property
    def seconds_left(self) -> float | None:
        """What the rest of the phase takes at this rate."""
        if not self.fraction or self.rows_per_second is None:
            return None
        return round(self.seconds * (1 - self.fraction) / self.fraction, 1)


def pace_of(job: ImportJob, phase: str, now: datetime) -> Pace:
    """How fast the import is in `phase`, or was over all once it has ended."""
    if job.is_final:
        done = 1.0 if job.status == ImportStatus.COMPLETED else None
        rows = job.rows_created + job.rows_updated
        return Pace(rows, _seconds(job.started_at, job.finished_at), done)
    if phase == ImportStatus.PREPARING:
        fraction = _share(job.bytes_read, job.file_bytes)
        return Pace(job.rows_total, _seconds(job.started_at, now), fraction)
    if phase == ImportStatus.EMBEDDING:
        rows = job.rows_embedded + job.rows_reused
        return Pace(rows, _seconds(job.prepared_at, now), _share(rows, job.rows_staged))
    return Pace()


def _seconds(start: datetime | None, end: datetime | None) -> float:
    return (end - start).total_seconds() if start and end else 0.0


def _share(part: int, whole: int) -> float:
    return min(part / max(whole, 1), 1.0)

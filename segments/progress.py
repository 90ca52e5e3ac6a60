"""ImportProgress: how far an import is, the same in its row, the cache, the API and the page."""

import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from threading import Lock
from time import monotonic
from typing import Any, ClassVar, Self
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.db.models import DateTimeField, QuerySet
from django.db.models.functions import Now

from segments.exceptions import ImportNotFound
from segments.models import Chunk, ImportJob
from segments.models.import_job import WORKING_STATUSES, ChunkStatus, ImportStatus
from segments.models.job import FINAL_STATUSES

logger = logging.getLogger(__name__)

# A rate measured over less time means nothing yet.
SECONDS_BEFORE_RATE = 0.2


def phase_of(job: ImportJob) -> str:
    """The last phase the import has started, whatever its state is now."""
    if job.status == ImportStatus.COMPLETED:
        return ImportStatus.COMPLETED
    begun = (
        (job.embedded_at, ImportStatus.PUBLISHING),
        (job.prepared_at, ImportStatus.EMBEDDING),
        (job.started_at, ImportStatus.PREPARING),
    )
    return next((phase for moment, phase in begun if moment), ImportStatus.WAITING)


@dataclass(frozen=True, slots=True)
class ProgressRate:
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
        """How long the rest of the phase takes at this rate."""
        if not self.fraction or self.rows_per_second is None:
            return None
        return round(self.seconds * (1 - self.fraction) / self.fraction, 1)


def progress_rate_of(job: ImportJob, phase: str, now: datetime) -> ProgressRate:
    """How fast the import is in `phase`, or was overall once it has ended."""
    if job.is_final:
        done = 1.0 if job.status == ImportStatus.COMPLETED else None
        rows = job.rows_created + job.rows_updated
        return ProgressRate(rows, _seconds(job.started_at, job.finished_at), done)
    if phase == ImportStatus.PREPARING:
        fraction = _share(job.bytes_read, job.file_bytes)
        return ProgressRate(job.rows_total, _seconds(job.started_at, now), fraction)
    if phase == ImportStatus.EMBEDDING:
        rows = job.rows_embedded + job.rows_reused
        return ProgressRate(rows, _seconds(job.prepared_at, now), _share(rows, job.rows_staged))
    return ProgressRate()


def _seconds(start: datetime | None, end: datetime | None) -> float:
    return (end - start).total_seconds() if start and end else 0.0


def _share(part: int, whole: int) -> float:
    return min(part / max(whole, 1), 1.0)


# While an import is open, a copy that was not renewed for this long is not trusted any more.
OPEN_SECONDS = 60
# After the end, the copy is kept as long as Dify keeps its status.
FINAL_SECONDS = 600


def key(job_id: UUID | str) -> str:
    """The cache key of the import's progress."""
    return f"segment_batch_import_{job_id}"


def read(job_id: UUID) -> str | None:
    """The copy, or None if there is none or the cache does not answer."""
    try:
        text = cache.get(key(job_id))
    except Exception as trouble:  # noqa: BLE001  (every backend raises what it likes)
        logger.warning("import %s: the cache cannot be read: %s", job_id, trouble)
        return None
    return text if isinstance(text, str) else None


def write(job_id: UUID, text: str, *, is_final: bool) -> bool:
    """Store `text` as the copy; True if the cache accepted it."""
    try:
        cache.set(key(job_id), text, FINAL_SECONDS if is_final else OPEN_SECONDS)
    except Exception as trouble:  # noqa: BLE001  (every backend raises what it likes)
        logger.warning("import %s: the cache cannot be written: %s", job_id, trouble)
        return False
    return True


class Throttle:
    """Allows each of many things to happen at most once every `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last: dict[UUID, float] = {}
        self._lock = Lock()

    def allows(self, what: UUID) -> bool:
        """Whether `what` may happen now; if so, its time starts again."""
        now = monotonic()
        with self._lock:
            self._last = {key: at for key, at in self._last.items() if now - at < self._seconds}
            if what in self._last:
                return False
            self._last[what] = now
            return True


# Chunks may end many times a second; pages poll less often than this.
SECONDS_BETWEEN_MIRRORS = 0.5

# The words that Dify's clients know: they poll while the status is waiting or processing.
JOB_STATUS = {
    ImportStatus.WAITING: "waiting",
    ImportStatus.PREPARING: "processing",
    ImportStatus.EMBEDDING: "processing",
    ImportStatus.PUBLISHING: "processing",
    ImportStatus.INTERRUPTED: "processing",
    ImportStatus.COMPLETED: "completed",
    ImportStatus.FAILED: "error",
    ImportStatus.CANCELLED: "error",
}

_throttle = Throttle(SECONDS_BETWEEN_MIRRORS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProgress:
    """An import as its row said at `measured_at`, on the database's clock.

    * `phase` is the step it is in, or was in when it ended: waiting, preparing, embedding,
      publishing or completed.
    * `rows_total` is unknown until the whole file has been read; `rows_checked` grows until then.
    * `rows_published` counts segments that were added or changed.
    * `fraction` is of the phase, from 0 to 1; `rows_per_second` and `seconds_left` are measured
      over the phase, over the whole import once it has ended. Each is None while unknown.
    * `worker` names who works on it now: host, process, thread and namespace of
      processes; several are separated by commas.
    """

    TIMES: ClassVar = ("created_at", "started_at", "finished_at", "measured_at")

    job_id: str
    revision: int
    status: str
    phase: str
    rows_total: int | None
    rows_checked: int
    rows_failed: int
    rows_embedded: int
    rows_reused: int
    rows_published: int
    tokens: int
    fraction: float | None
    rows_per_second: float | None
    seconds_left: float | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    measured_at: datetime
    started_by: str
    source: str
    worker: str
    error_code: str
    error: str

    @property
    def job_status(self) -> str:
        """The state in Dify's words."""
        return JOB_STATUS[ImportStatus(self.status)]

    @property
    def is_final(self) -> bool:
        """Whether the import has ended."""
        return self.status in FINAL_STATUSES

    def to_json(self) -> str:
        """The progress as one JSON object; its `job_status` is for readers of that key."""
        return json.dumps(asdict(self) | {"job_status": self.job_status}, default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The progress that `to_json` has written.

        Raises:
            ValueError, TypeError, KeyError: `text` was not written by `to_json`.
        """
        fields: dict[str, Any] = json.loads(text)
        del fields["job_status"]
        times = {name: fields[name] for name in cls.TIMES}
        parsed = {name: time and datetime.fromisoformat(time) for name, time in times.items()}
        return cls(**fields | parsed)


def read_progress(job_id: UUID) -> ImportProgress:
    """How far the import is: from the cache, or from its row if that is newer.

    The caller has already checked access.

    Raises:
        ImportNotFound: there is no such import.
    """
    cached = _cached(job_id)
    return cached if cached and not cached.is_final else measure(job_id)


def measure(job_id: UUID) -> ImportProgress:
    """How far the import is, from its current row.

    Raises:
        ImportNotFound: there is no such import.
    """
    found = measured(ImportJob.objects.filter(pk=job_id))
    if not found:
        raise ImportNotFound(str(job_id))
    return found[0][1]


def measured(jobs: QuerySet[ImportJob]) -> list[tuple[ImportJob, ImportProgress]]:
    """Each of `jobs` with its progress, in two queries however many there are."""
    now = Now(output_field=DateTimeField())
    rows = list(jobs.select_related("created_by").annotate(measured_at=now))
    workers = _workers(rows)
    return [
        (row, progress_of(row, row.measured_at, worker=workers.get(row.pk, ""))) for row in rows
    ]


def progress_of(job: ImportJob, measured_at: datetime, *, worker: str = "") -> ImportProgress:
    """The progress of `job` as read at `measured_at`."""
    phase = phase_of(job)
    pace = progress_rate_of(job, phase, measured_at)
    return ImportProgress(
        job_id=str(job.pk),
        revision=job.revision,
        status=job.status,
        phase=phase,
        rows_total=job.rows_total if job.prepared_at or job.is_final else None,
        rows_checked=job.rows_total,
        rows_failed=job.rows_failed,
        rows_embedded=job.rows_embedded,
        rows_reused=job.rows_reused,
        rows_published=job.rows_created + job.rows_updated,
        tokens=job.tokens,
        fraction=pace.fraction,
        rows_per_second=pace.rows_per_second,
        seconds_left=pace.seconds_left if job.status in WORKING_STATUSES else None,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        measured_at=measured_at,
        started_by=job.created_by.get_username() if job.created_by else "",
        source=job.source,
        worker=worker,
        error_code=job.error_code,
        error=job.error,
    )


def mirror_after_commit(job_id: UUID, *, often: bool = False) -> None:
    """Update the cache from the row once this transaction has committed.

    What happens `often` is mirrored at most twice a second. Nothing depends on it: an error is
    logged, and readers soon go to the row.
    """

    def bring_up() -> None:  # a named function: Django cannot log the error of a partial
        mirror(job_id)

    if not often or _throttle.allows(job_id):
        transaction.on_commit(bring_up, robust=True)


def mirror(job_id: UUID) -> None:
    """Update the cache from the row, unless it is current.

    Two processes that mirror at once cannot leave the older state: each checks again after
    writing, and writes again if the row has moved on.
    """
    written = _cached_revision(job_id)
    with suppress(ImportNotFound):  # deleted with its document: it must not be shown any more
        while (now := measure(job_id)).revision > written:
            if not write(job_id, now.to_json(), is_final=now.is_final):
                return
            written = now.revision


def _cached(job_id: UUID) -> ImportProgress | None:
    text = read(job_id)
    if text is None:
        return None
    try:
        progress = ImportProgress.from_json(text)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return progress if progress.job_id == str(job_id) else None


def _cached_revision(job_id: UUID) -> int:
    cached = _cached(job_id)
    return cached.revision if cached else -1


def _workers(jobs: Sequence[ImportJob]) -> dict[UUID, str]:
    """Who holds a part of each import now."""
    names = defaultdict[UUID, set[str]](set)
    embedding = [job.pk for job in jobs if job.status == ImportStatus.EMBEDDING]
    if embedding:
        running = Chunk.objects.filter(job__in=embedding, status=ChunkStatus.RUNNING)
        for job_id, owner in running.values_list("job_id", "lease_owner").distinct():
            names[job_id].add(owner)
    for job in jobs:
        if job.status in (ImportStatus.PREPARING, ImportStatus.PUBLISHING):
            names[job.pk].add(job.lease_owner)
    return {job_id: ", ".join(sorted(owners)) for job_id, owners in names.items()}

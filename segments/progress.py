"""ImportProgress: how far an import is, the same in its row, the cache, the API and the page."""

import json
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import transaction
from django.db.models import DateTimeField, QuerySet
from django.db.models.functions import Now

from segments import status_cache
from segments.exceptions import ImportNotFound
from segments.models import Chunk, ImportJob
from segments.models.chunk import ChunkStatus
from segments.models.import_job import FINAL_STATUSES, WORKING_STATUSES, ImportStatus
from segments.pace import pace_of, phase_of

# Chunks may end many times a second; nobody looks more often than this.
SECONDS_BETWEEN_MIRRORS = 0.5

# The words that Dify's clients know: they poll while it is waiting or processing.
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

_throttle = status_cache.Throttle(SECONDS_BETWEEN_MIRRORS)


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
    door: str
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
        """What `to_json` has written.

        Raises:
            ValueError, TypeError, KeyError: it is not that.
        """
        fields: dict[str, Any] = json.loads(text)
        del fields["job_status"]
        times = {name: fields[name] for name in cls.TIMES}
        parsed = {name: time and datetime.fromisoformat(time) for name, time in times.items()}
        return cls(**fields | parsed)


def read_progress(job_id: UUID) -> ImportProgress:
    """How far the import is: from the cache, or from its row if that knows better.

    Whether the asker may know is decided before, from the row.

    Raises:
        ImportNotFound: there is no such import.
    """
    cached = _cached(job_id)
    return cached if cached and not cached.is_final else measure(job_id)


def measure(job_id: UUID) -> ImportProgress:
    """How far the import is, as its row says now.

    Raises:
        ImportNotFound: there is no such import.
    """
    found = measured(ImportJob.objects.filter(pk=job_id))
    if not found:
        raise ImportNotFound(str(job_id))
    return found[0][1]


def measured(jobs: QuerySet[ImportJob]) -> list[tuple[ImportJob, ImportProgress]]:
    """Each of `jobs` and how far it is, in two queries however many they are."""
    now = Now(output_field=DateTimeField())
    rows = list(jobs.select_related("created_by").annotate(measured_at=now))
    workers = _workers(rows)
    return [
        (row, progress_of(row, row.measured_at, worker=workers.get(row.pk, ""))) for row in rows
    ]


def progress_of(job: ImportJob, measured_at: datetime, *, worker: str = "") -> ImportProgress:
    """The progress of `job` as it was read at `measured_at`."""
    phase = phase_of(job)
    pace = pace_of(job, phase, measured_at)
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
        door=job.door,
        worker=worker,
        error_code=job.error_code,
        error=job.error,
    )


def mirror_after_commit(job_id: UUID, *, often: bool = False) -> None:
    """Bring the cache up to the row once this transaction has committed.

    What happens `often` is mirrored at most twice a second. Nothing depends on it: an error is
    logged, and readers go to the row before long.
    """

    def bring_up() -> None:  # a name of its own: Django cannot log the error of a partial
        mirror(job_id)

    if not often or _throttle.allows(job_id):
        transaction.on_commit(bring_up, robust=True)


def mirror(job_id: UUID) -> None:
    """Bring the cache up to the row, unless it is already.

    Two that mirror at once cannot leave the older state there: whoever has written looks once
    more, and writes again if the row has moved on.
    """
    written = _cached_revision(job_id)
    with suppress(ImportNotFound):  # deleted with its document: nobody may see it any more
        while (now := measure(job_id)).revision > written:
            if not status_cache.write(job_id, now.to_json(), is_final=now.is_final):
                return
            written = now.revision


def _cached(job_id: UUID) -> ImportProgress | None:
    text = status_cache.read(job_id)
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
    """Who holds a piece of each import now."""
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

"""Samples of an import's progress, and the rates between them, for its chart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from django.db import connection

from segments.models import ImportJob, ProgressSample
from segments.models.import_job import ImportStatus

# More samples would not change the chart; an hour of work leaves at most 7,200 rows.
SECONDS_BETWEEN = 0.5
POINTS_DRAWN = 120

RECORD = """
    INSERT INTO segments_progresssample (job_id, at, phase, rows)
    SELECT id, clock_timestamp(), status,
           CASE status WHEN 'preparing' THEN rows_total ELSE rows_embedded + rows_reused END
    FROM segments_importjob
    WHERE id = %(job)s AND NOT EXISTS (
        SELECT FROM segments_progresssample s
        WHERE s.job_id = %(job)s AND s.phase = segments_importjob.status
            AND s.at > clock_timestamp() - make_interval(secs => %(seconds)s))
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """Rows per second between two moments of a phase, in seconds since the import started."""

    phase: str
    start: float
    end: float
    rows_per_second: float


@dataclass(frozen=True, slots=True)
class _Point:
    at: datetime
    rows: int


def record(job_id: UUID) -> None:
    """Record the import's progress; call it in the transaction that made the progress.

    Nothing is written within `SECONDS_BETWEEN` of the phase's last sample.
    """
    with connection.cursor() as cursor:
        cursor.execute(RECORD, {"job": job_id, "seconds": SECONDS_BETWEEN})


def rates(job: ImportJob) -> list[Rate]:
    """The rates since the import started, phase by phase; at most about `POINTS_DRAWN`.

    Phases begin and end at the times in the import's row, so a phase that ended before its
    first sample has a rate too.
    """
    if job.started_at is None:
        return []
    samples = ProgressSample.objects.filter(job=job).order_by("at")
    found = list(samples.values_list("phase", "at", "rows"))
    return [
        *_phase_rates(job, ImportStatus.PREPARING, _preparing(job, found)),
        *_phase_rates(job, ImportStatus.EMBEDDING, _embedding(job, found)),
        *_phase_rates(job, ImportStatus.PUBLISHING, _publishing(job)),
    ]


def _preparing(job: ImportJob, found: Sequence[tuple[str, datetime, int]]) -> list[_Point]:
    points = _sampled(found, ImportStatus.PREPARING)
    return _anchored(job.started_at, points, job.prepared_at, job.rows_total)


def _embedding(job: ImportJob, found: Sequence[tuple[str, datetime, int]]) -> list[_Point]:
    if not job.embedding_model:
        return []
    points = _sampled(found, ImportStatus.EMBEDDING)
    return _anchored(job.prepared_at, points, job.embedded_at, job.rows_embedded + job.rows_reused)


def _publishing(job: ImportJob) -> list[_Point]:
    """One step: all rows appear at its end."""
    end = job.finished_at if job.status == ImportStatus.COMPLETED else None
    return _anchored(job.embedded_at, [], end, job.rows_staged)


def _sampled(found: Sequence[tuple[str, datetime, int]], phase: str) -> list[_Point]:
    return [_Point(at, rows) for of, at, rows in found if of == phase]


def _anchored(
    start: datetime | None, points: list[_Point], end: datetime | None, rows: int
) -> list[_Point]:
    """The samples of a phase between its beginning and, if it has ended, its end."""
    if start is None:
        return []
    last = [_Point(end, rows)] if end is not None else []
    return [_Point(start, 0), *(p for p in points if end is None or p.at < end), *last]


def _phase_rates(job: ImportJob, phase: str, points: list[_Point]) -> list[Rate]:
    step = max(len(points) // POINTS_DRAWN, 1)
    kept = points[:-1:step] + points[-1:]
    return [
        Rate(phase, _since(job, before.at), _since(job, after.at), _per_second(before, after))
        for before, after in pairwise(kept)
        if after.at > before.at
    ]


def _per_second(before: _Point, after: _Point) -> float:
    """Never negative: a phase starts over when another worker takes it."""
    seconds = (after.at - before.at).total_seconds()
    return round(max(after.rows - before.rows, 0) / seconds, 1)


def _since(job: ImportJob, moment: datetime) -> float:
    assert job.started_at is not None  # noqa: S101  (rates() checks it)
    return round((moment - job.started_at).total_seconds(), 6)

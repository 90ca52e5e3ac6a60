"""The arithmetic of progress, and its way through JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from segments.models import ImportJob
from segments.models.import_job import ImportStatus
from segments.progress import JOB_STATUS, ImportProgress, Throttle, progress_of

BEGAN = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def job(**fields: Any) -> ImportJob:
    return ImportJob(created_at=BEGAN, file_bytes=1_000, **fields)


PREPARING = job(status="preparing", started_at=BEGAN, rows_total=400, bytes_read=250)
EMBEDDING = job(
    status="embedding",
    started_at=BEGAN,
    prepared_at=after(5),
    rows_total=1_000,
    rows_failed=200,
    rows_staged=800,
    rows_embedded=150,
    rows_reused=50,
)
COMPLETED = job(
    status="completed",
    started_at=BEGAN,
    prepared_at=after(5),
    embedded_at=after(8),
    finished_at=after(10),
    rows_total=800,
    rows_staged=800,
    rows_created=700,
    rows_updated=100,
)


@pytest.mark.parametrize(
    ("job", "phase", "total", "fraction", "rate", "left"),
    [
        (job(status="waiting"), "waiting", None, None, None, None),
        # 250 of 1,000 bytes in 10 s: 30 s are left.
        (PREPARING, "preparing", None, 0.25, 40.0, 30.0),
        # 200 of 800 rows in 5 s: 15 s are left.
        (EMBEDDING, "embedding", 1_000, 0.25, 40.0, 15.0),
        (job(status="publishing", embedded_at=after(8)), "publishing", None, None, None, None),
        # Over the whole import: 800 rows in 10 s.
        (COMPLETED, "completed", 800, 1.0, 80.0, None),
        (job(status="failed", started_at=BEGAN), "preparing", 0, None, None, None),
    ],
    ids=lambda value: value.status if isinstance(value, ImportJob) else "",
)
def test_rate_and_time_left_are_measured_over_the_phase(
    job: ImportJob,
    phase: str,
    total: int | None,
    fraction: float | None,
    rate: float | None,
    left: float | None,
) -> None:
    progress = progress_of(job, after(10))

    assert progress.phase == phase
    assert progress.rows_total == total
    assert progress.fraction == fraction
    assert progress.rows_per_second == rate
    assert progress.seconds_left == left


def test_no_rate_before_there_is_something_to_measure() -> None:
    progress = progress_of(PREPARING, after(0.1))

    assert (progress.rows_per_second, progress.seconds_left) == (None, None)
    assert progress.fraction == 0.25


def test_a_file_that_grew_is_at_most_read_whole() -> None:
    grown = job(status="preparing", started_at=BEGAN, rows_total=1, bytes_read=2_000)

    assert progress_of(grown, after(1)).fraction == 1.0


@pytest.mark.parametrize("job", [PREPARING, EMBEDDING, COMPLETED], ids=lambda job: job.status)
def test_json_brings_back_the_same_progress(job: ImportJob) -> None:
    progress = progress_of(job, after(10), worker="host:1:2")

    assert ImportProgress.from_json(progress.to_json()) == progress


@pytest.mark.parametrize("status", list(ImportStatus))
def test_every_state_has_a_word_that_clients_of_dify_know(status: ImportStatus) -> None:
    assert JOB_STATUS[status] in ("waiting", "processing", "completed", "error")


def test_a_throttle_counts_for_each_thing_alone() -> None:
    throttle, first, second = Throttle(60), uuid4(), uuid4()

    assert [throttle.allows(what) for what in (first, first, second)] == [True, False, True]
    assert Throttle(0).allows(UUID(int=0))

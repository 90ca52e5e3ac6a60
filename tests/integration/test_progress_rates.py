"""The samples of an import's progress, and the rates drawn from them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from datasets.models import Dataset, Document
from segments.imports import progress_rates
from segments.imports.progress_rates import Rate
from segments.models import ImportJob, ProgressSample

from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = "question,answer\n" + "".join(f"question {n},answer {n}\n" for n in range(40))


@pytest.fixture
def all_samples(monkeypatch: pytest.MonkeyPatch, small_chunks: int) -> None:
    """Every commit is a sample, however soon after the last one."""
    monkeypatch.setattr(progress_rates, "SECONDS_BETWEEN", 0.0)


def test_every_phase_has_its_rates(
    all_samples: None, document: Document, import_text: ImportText
) -> None:
    job = import_text(document, ROWS)

    drawn = progress_rates.rates(job)

    assert list(dict.fromkeys(rate.phase for rate in drawn)) == [
        "preparing",
        "embedding",
        "publishing",
    ]
    assert ProgressSample.objects.filter(job=job).count() > 10
    for phase in ("preparing", "embedding", "publishing"):
        of_phase = [rate for rate in drawn if rate.phase == phase]
        rows = sum(rate.rows_per_second * (rate.end - rate.start) for rate in of_phase)
        assert rows == pytest.approx(40, abs=1)
    assert all(before.end <= after.start for before, after in pairwise(drawn))


def test_a_short_import_has_one_rate_a_phase(document: Document, import_text: ImportText) -> None:
    job = import_text(document, ROWS)

    assert {rate.phase for rate in progress_rates.rates(job)} == {
        "preparing",
        "embedding",
        "publishing",
    }


def test_without_vectors_nothing_is_embedded(
    economy: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    job = import_text(make_document(economy), ROWS)

    assert {rate.phase for rate in progress_rates.rates(job)} == {"preparing", "publishing"}


def test_samples_are_not_closer_than_they_need_be(
    document: Document, import_text: ImportText, small_chunks: int
) -> None:
    job = import_text(document, ROWS)
    written = ProgressSample.objects.filter(job=job).count()
    progress_rates.record(job.pk)
    progress_rates.record(job.pk)

    assert ProgressSample.objects.filter(job=job).count() <= written + 1


@pytest.fixture
def job(document: Document, import_text: ImportText) -> ImportJob:
    """An import whose times and samples are the test's own."""
    job = import_text(document, ROWS)
    ProgressSample.objects.all().delete()
    job.started_at, job.prepared_at, job.status = START, None, "preparing"
    job.embedded_at = job.finished_at = None
    return job


@pytest.fixture
def sample(job: ImportJob) -> Callable[[float, int], ProgressSample]:
    """Writes a sample of the job's preparing, so many seconds after its start."""

    def write(second: float, rows: int) -> ProgressSample:
        at = START + timedelta(seconds=second)
        return ProgressSample.objects.create(job=job, at=at, phase="preparing", rows=rows)

    return write


def test_a_rate_is_the_rows_between_two_samples(
    job: ImportJob, sample: Callable[[float, int], ProgressSample]
) -> None:
    sample(2, 100)
    sample(4, 500)

    assert progress_rates.rates(job) == [
        Rate("preparing", 0.0, 2.0, 50.0),
        Rate("preparing", 2.0, 4.0, 200.0),
    ]


def test_a_worker_that_begins_anew_has_no_negative_rate(
    job: ImportJob, sample: Callable[[float, int], ProgressSample]
) -> None:
    sample(2, 100)
    sample(4, 10)

    assert [rate.rows_per_second for rate in progress_rates.rates(job)] == [50.0, 0.0]


def test_a_long_import_is_thinned_out(
    job: ImportJob, sample: Callable[[float, int], ProgressSample]
) -> None:
    for second in range(1, 1_001):
        sample(second, second * 10)

    drawn = progress_rates.rates(job)
    assert progress_rates.POINTS_DRAWN <= len(drawn) < 2 * progress_rates.POINTS_DRAWN
    assert (drawn[0].start, drawn[-1].end) == (0.0, 1_000.0)
    assert all(rate.rows_per_second == 10.0 for rate in drawn)


def test_what_has_not_started_has_no_rates(job: ImportJob) -> None:
    job.started_at = None

    assert progress_rates.rates(job) == []

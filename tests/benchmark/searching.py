"""The part `search`: how long a search takes, by method and size of the dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import quantiles

from datasets.models import Dataset
from segments.indexing import plan
from segments.indexing.state import generations_of
from segments.models import IndexGeneration
from segments.search import Condition, Operator, SearchFilter, SearchMethod, search
from segments.search.filters import ALL
from segments.search.query import DEFAULT_TOP_K
from segments.services import indexes
from tests.benchmark import rows
from tests.benchmark.figures import PERCENT, Figure, Recorder, Unit
from tests.benchmark.trial import Trial, import_file, scratch, timed, warm_up, wipe

PART = "search"
SEED, SEED_QUESTIONS = 4, 5
MIB = 1024 * 1024
SHOWN_PERCENTILES = (50, 95)
# Exact searches take long.
COMPARED = 30
FILTERS = {
    percent: SearchFilter(conditions=(Condition("bucket", Operator.BELOW, below),))
    for percent, below in (("10 %", 1_000), ("1 %", 100), ("0.01 %", 1))
}


def measure(recorder: Recorder) -> None:
    """Fill a dataset of each size, then search it for the same questions with each method."""
    sizes = recorder.sizes
    asked = list(rows.questions(sizes.questions, SEED_QUESTIONS))
    warm_up()
    wipe()
    for count in sizes.search:
        done = sum(size for size in sizes.search if size < count) / sum(sizes.search)
        recorder.step(f"filling a dataset with {count:,} rows", done)
        dataset = _filled(recorder, count)
        for method in SearchMethod:
            recorder.step(f"{method} in {count:,} rows", done)
            _record(recorder, method, count, _latencies(dataset, asked, method))
        _record_recall(recorder, dataset, asked, count, SearchMethod.SEMANTIC)
        for percent, where in FILTERS.items():
            recorder.step(f"{percent} of {count:,} rows", done)
            _measure_filter(recorder, dataset, asked, count, percent, where)


@dataclass(frozen=True, slots=True)
class Filled:
    """A dataset with its index, how it was imported, and the seconds that the index took."""

    dataset: Dataset
    trial: Trial
    index_seconds: float

    @property
    def index_bytes(self) -> int:
        """What the index takes on the disk."""
        return sum(generations_of(self.dataset).values_list("bytes", flat=True))


def filled(count: int) -> Filled:
    """Fill a new dataset, and build its index to the end if it is large enough to have one."""
    path = scratch() / "search.csv"
    rows.write_csv_with_metadata(path, count, SEED)
    trial = import_file(path, f"search {count}")
    dataset = trial.job.dataset
    seconds = 0.0
    while waiting := _due(dataset):
        seconds += timed(partial(indexes.run_in_foreground, waiting))[0]
    return Filled(dataset, trial, seconds)


def _filled(recorder: Recorder, count: int) -> Dataset:
    found = filled(count)
    recorder.record(
        Figure(
            part=PART,
            name="lock held by publishing",
            value=found.trial.job.seconds.publish,
            unit="s",
            rows=count,
            counts="while nobody else can change the document",
        )
    )
    how = "behind the import"
    measured: tuple[tuple[str, float, Unit], ...] = (
        ("index built", found.index_seconds, "s"),
        ("index on the disk", found.index_bytes / MIB, "MiB"),
    )
    for name, value, unit in measured if found.index_seconds else ():
        recorder.record(
            Figure(part=PART, name=name, value=value, unit=unit, rows=count, counts=how)
        )
    return found.dataset


def _due(dataset: Dataset) -> IndexGeneration | None:
    plan.ensure_if_worthwhile(dataset)
    return IndexGeneration.objects.open().filter(dataset=dataset).first()


def _latencies(
    dataset: Dataset, asked: Sequence[str], method: SearchMethod, where: SearchFilter = ALL
) -> list[float]:
    """The seconds of each search, after one to warm up."""
    search(dataset, asked[0], method, where=where)
    return [timed(partial(search, dataset, text, method, where=where))[0] for text in asked]


def _measure_filter(
    recorder: Recorder,
    dataset: Dataset,
    asked: Sequence[str],
    count: int,
    percent: str,
    where: SearchFilter,
) -> None:
    """How long each method takes with a filter, and how many of the right hits it finds."""
    for method in SearchMethod:
        name = f"{method}, {percent} pass"
        _record(recorder, name, count, _latencies(dataset, asked, method, where))
    for method in (SearchMethod.SEMANTIC, SearchMethod.HYBRID):
        _record_recall(recorder, dataset, asked, count, method, f", {percent} pass", where)


def _record_recall(
    recorder: Recorder,
    dataset: Dataset,
    asked: Sequence[str],
    count: int,
    method: SearchMethod,
    suffix: str = "",
    where: SearchFilter = ALL,
) -> None:
    recorder.record(
        Figure(
            part=PART,
            name=f"{method}{suffix}, recall",
            value=_recall(dataset, asked[:COMPARED], method, where),
            unit="share",
            rows=count,
            counts=f"of the hits of an exact search, {COMPARED} questions",
        )
    )


def _recall(
    dataset: Dataset, asked: Sequence[str], method: SearchMethod, where: SearchFilter
) -> float:
    """The share of the hits of an exact search that the index finds; 1 if there are none."""
    right = wanted = 0
    for text in asked:
        found, exact = (
            {hit.segment_id for hit in search(dataset, text, method, where=where, exact=how)}
            for how in (False, True)
        )
        right, wanted = right + len(found & exact), wanted + len(exact)
    return right / wanted if wanted else 1.0


def _record(recorder: Recorder, method: str, count: int, seconds: Sequence[float]) -> None:
    cuts = quantiles(seconds, n=PERCENT, method="inclusive")
    for percent in SHOWN_PERCENTILES:
        recorder.record(
            Figure(
                part=PART,
                name=f"{method}, p{percent}",
                value=cuts[percent - 1] * 1_000,
                unit="ms",
                rows=count,
                counts=f"question to {DEFAULT_TOP_K} hits, {len(seconds)} questions one by one",
            )
        )

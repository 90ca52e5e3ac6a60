"""The part `search`: how long a search takes, by method and size of the dataset."""

from collections.abc import Sequence
from functools import partial
from statistics import quantiles

from datasets.models import Dataset
from segments.search import SearchMethod, search
from segments.search.query import DEFAULT_TOP_K
from tests.benchmark import rows
from tests.benchmark.figures import Figure, Recorder
from tests.benchmark.trial import import_file, scratch, timed, warm_up, wipe

PART = "search"
SEED, SEED_QUESTIONS = 4, 5
PERCENT = 100
SHOWN_PERCENTILES = (50, 95)


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


def _filled(recorder: Recorder, count: int) -> Dataset:
    path = scratch() / "search.csv"
    rows.write_csv(path, count, SEED)
    trial = import_file(path, f"search {count}")
    recorder.record(
        Figure(
            part=PART,
            name="lock held by publishing",
            value=trial.job.seconds.publish,
            unit="s",
            rows=count,
            counts="while nobody else can change the document",
        )
    )
    return trial.job.dataset


def _latencies(dataset: Dataset, asked: Sequence[str], method: SearchMethod) -> list[float]:
    """The seconds of each search, after one to warm up."""
    search(dataset, asked[0], method)
    return [timed(partial(search, dataset, text, method))[0] for text in asked]


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

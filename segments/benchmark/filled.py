"""The part `filled`: whether an import is slower where much is there already."""

from segments.benchmark import rows
from segments.benchmark.figures import Figure, Recorder
from segments.benchmark.trial import Trial, import_file, scratch, warm_up, wipe

PART = "filled"
SEED_FILL, SEED_EMPTY = 2, 100


def measure(recorder: Recorder) -> None:
    """Import new rows into empty datasets, then into one that was filled, best of each."""
    sizes = recorder.sizes
    recorder.step("into an empty dataset", 0.0)
    warm_up()
    empty = []
    for turn in range(sizes.rounds):
        wipe()
        empty.append(_import(f"empty {turn}", SEED_EMPTY + turn, sizes.added))
    wipe()
    recorder.step(f"filling a dataset with {sizes.filled:,} rows", 0.1)
    filling = _import("filled", SEED_FILL, sizes.filled)
    recorder.step("into the filled dataset", 0.9)
    full = [
        _import("filled", SEED_EMPTY + turn, sizes.added, f"added {turn}")
        for turn in range(sizes.rounds)
    ]
    _record(recorder, "import into an empty dataset", empty, sizes.added, "tables empty before")
    counts = f"its dataset holds {sizes.filled:,} rows"
    _record(recorder, "import into a filled dataset", full, sizes.added, counts)
    _record(recorder, "import that fills it", [filling], sizes.filled, "in one go")


def _import(dataset: str, seed: int, count: int, document: str = "rows") -> Trial:
    path = scratch() / "filled.csv"
    rows.write_csv(path, count, seed)
    return import_file(path, dataset, document)


def _record(recorder: Recorder, name: str, trials: list[Trial], count: int, counts: str) -> None:
    rate = count / min(trial.seconds for trial in trials)
    recorder.record(
        Figure(part=PART, name=name, value=rate, unit="rows/s", rows=count, counts=counts)
    )

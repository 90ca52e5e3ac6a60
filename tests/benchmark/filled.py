"""The part `filled`: whether an import into a full dataset is slower."""

from statistics import median

from tests.benchmark import rows
from tests.benchmark.figures import Figure, Recorder
from tests.benchmark.trial import Trial, import_file, scratch, warm_up, wipe

PART = "filled"
SEED_FILL, SEED_ADDED = 2, 100
# Both kinds in turns, so that a busy moment hits both; single runs differ by a fifth.
TURNS_A_ROUND = 3


def measure(recorder: Recorder) -> None:
    """Fill a dataset; then, in turns, import new rows into an empty one and into the full one."""
    sizes = recorder.sizes
    turns = sizes.rounds * TURNS_A_ROUND
    recorder.step(f"filling a dataset with {sizes.filled:,} rows", 0.0)
    warm_up()
    wipe()
    filling = _import("filled", SEED_FILL, sizes.filled)
    empty, full = [], []
    for turn in range(turns):
        recorder.step("into an empty dataset and into the full one", 0.5 + 0.5 * turn / turns)
        seed = SEED_ADDED + 2 * turn
        empty.append(_import(f"empty {turn}", seed, sizes.added))
        full.append(_import("filled", seed + 1, sizes.added, f"added {turn}"))
    counts = f"median of {turns}, in turns with the next"
    _record(recorder, "import into an empty dataset", empty, sizes.added, counts)
    counts = f"its dataset holds {sizes.filled:,} rows"
    _record(recorder, "import into a filled dataset", full, sizes.added, counts)
    _record(recorder, "import that fills it", [filling], sizes.filled, "in one go")


def _import(dataset: str, seed: int, count: int, document: str = "rows") -> Trial:
    path = scratch() / "filled.csv"
    rows.write_csv(path, count, seed)
    return import_file(path, dataset, document)


def _record(recorder: Recorder, name: str, trials: list[Trial], count: int, counts: str) -> None:
    rate = count / median(trial.seconds for trial in trials)
    recorder.record(
        Figure(part=PART, name=name, value=rate, unit="rows/s", rows=count, counts=counts)
    )

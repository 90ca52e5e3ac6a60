"""The part `import`: a whole import and its ingredients alone, in turns, with the same rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.models import IndexingTechnique
from segments.embedding.tokens import count_tokens
from tests.benchmark import copies, rows
from tests.benchmark.figures import Figure, Recorder
from tests.benchmark.trial import Trial, import_file, scratch, timed, warm_up, wipe

PART = "import"
SEED = 1


@dataclass(frozen=True, slots=True)
class Work:
    """Something to time: its name, what its rate includes, and how to do it once."""

    name: str
    counts: str
    do: Callable[[], object]


def measure(recorder: Recorder) -> None:
    """Time the work in rounds, split the best import into phases, import the file again.

    Rounds spread a busy moment of the machine over all of them; the best of each counts.
    """
    sizes = recorder.sizes
    path = scratch() / "import.csv"
    rows.write_csv(path, sizes.rows, SEED)
    imports: list[Trial] = []
    works = _works(list(rows.texts(sizes.rows, SEED)), path, imports)
    best: dict[str, float] = {}
    for turn in range(sizes.rounds * len(works)):
        work = works[turn % len(works)]
        recorder.step(work.name, turn / (sizes.rounds * len(works) + 1))
        wipe()
        seconds, _ = timed(work.do)
        best[work.name] = min(best.get(work.name, seconds), seconds)
    for work in works:
        _record(recorder, work.name, best[work.name], work.counts)
    _record_phases(recorder, min(imports, key=lambda trial: trial.seconds))
    _import_again(recorder, path)


def _works(texts: Sequence[str], path: Path, imports: list[Trial]) -> list[Work]:
    embedder = warm_up()
    packed = copies.pack(texts, embedder.dimensions)
    return [
        Work(
            "embedder alone",
            f"{embedder.model}: one call with all texts in file order",
            lambda: embedder.embed_passages(texts),
        ),
        Work(
            "whole import, high_quality",
            "from handing over the file until staged rows are removed; model loaded before",
            lambda: imports.append(import_file(path, "vectors")),
        ),
        Work(
            "whole import, economy",
            "the same without vectors",
            lambda: import_file(path, "text", technique=IndexingTechnique.ECONOMY),
        ),
        Work("tokenizer alone", "cl100k_base, text by text", lambda: _count(texts)),
        Work("COPY alone, rows", "packed before, no index", lambda: copies.copy_rows(packed)),
        Work("COPY alone, vectors", "packed before, no index", lambda: copies.copy_vectors(packed)),
    ]


def _count(texts: Sequence[str]) -> int:
    return sum(count_tokens(text) for text in texts)


def _record(recorder: Recorder, name: str, seconds: float, counts: str) -> None:
    count = recorder.sizes.rows
    figure = Figure(
        part=PART, name=name, value=count / seconds, unit="rows/s", rows=count, counts=counts
    )
    recorder.record(figure)


def _record_phases(recorder: Recorder, trial: Trial) -> None:
    """Record the phases of the best whole import."""
    phases = trial.job.seconds
    rest = trial.seconds - phases.total
    _record(recorder, "prepare", phases.prepare, "read, check, count tokens, stage")
    _record(recorder, "embed", phases.embed, "vectors into the database, chunk by chunk")
    _record(recorder, "publish", phases.publish, "the one transaction")
    _record(recorder, "start and clean up", rest, "store the file; remove what was staged")


def _import_again(recorder: Recorder, path: Path) -> None:
    count = recorder.sizes.rows
    recorder.step("the same file again", 0.95)
    wipe()
    import_file(path, "vectors", "first")
    again = import_file(path, "vectors", "second")
    _record(recorder, "second import of the file", again.seconds, "vectors reused")
    numbers = {"embedded": again.job.rows_embedded, "rows": again.job.rows_total}
    for name, number in numbers.items():
        recorder.record(
            Figure(
                part=PART,
                name=f"{name} of a second import",
                value=number,
                unit="rows",
                rows=count,
                counts="the same file into the same dataset",
            )
        )

"""The vector index of a dataset: start a build, watch it, cancel it, drop the index, report."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from time import sleep

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from datasets.models import Dataset
from datasets.wording import how_many
from segments.files.types import JSONValue
from segments.indexing import build, plan, tables
from segments.indexing.pulse import Listener
from segments.indexing.state import INDEXES, ensure_building, generations_of
from segments.models import IndexGeneration
from segments.models.indexing import IndexStatus

# How often a watcher looks at what a worker does.
SECONDS_BETWEEN_LOOKS = 0.5
# A rate over less than this says nothing.
SECONDS_BEFORE_RATE = 1.0


def start_build(
    dataset: Dataset, *, user: User | None = None, background: bool = True
) -> IndexGeneration:
    """What is being built for the dataset, started if nothing is; with `background` by workers."""
    while True:  # what was being built may end between the two looks
        started = ensure_building(dataset, user.pk if user else None, background=background)
        if found := INDEXES.load(started) if started else in_progress(dataset):
            return found


def run_in_foreground(
    generation: IndexGeneration, listener: Listener = build.no_progress
) -> IndexGeneration:
    """Build it here, or watch the worker that does, until it has ended.

    KeyboardInterrupt leaves it to the workers, or to the next run.

    Raises:
        IndexNotFound: it was deleted with its dataset meanwhile.
    """
    return _until_over(listener, lambda: build.run(generation.pk, listener))


def follow(generation: IndexGeneration, listener: Listener) -> IndexGeneration:
    """Watch what workers do until it has ended.

    Raises:
        IndexNotFound: it was deleted with its dataset meanwhile.
    """
    return _until_over(listener, lambda: INDEXES.load(generation.pk))


def _until_over(listener: Listener, look: Callable[[], IndexGeneration]) -> IndexGeneration:
    while True:
        now = look()
        listener(now)
        if now.is_final:
            return now
        sleep(SECONDS_BETWEEN_LOOKS)


def cancel(generation: IndexGeneration, why: str = "It was cancelled.") -> IndexGeneration:
    """End a build; what is indexed already stays in use. Its row afterwards.

    Raises:
        StateConflict: it has ended already, or is put in use at this moment.
    """
    INDEXES.cancel(generation.pk, why)
    return INDEXES.load(generation.pk)


def drop(dataset: Dataset) -> int:
    """Drop the dataset's index and cancel what is being built; how many generations there were.

    Searches compare every vector until another index is built.

    Raises:
        StateConflict: one is put in use at this moment.
    """
    with transaction.atomic():
        if building := in_progress(dataset):
            cancel(building, "The index was dropped.")
        generations = IndexGeneration.objects.filter(dataset=dataset, status=IndexStatus.COMPLETED)
        dropped = generations.delete()[0]
    tables.drop_orphans()
    return dropped


def in_progress(dataset: Dataset) -> IndexGeneration | None:
    """What is being built for it, if anything."""
    return INDEXES.in_progress(dataset.pk)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """The index of a dataset; the fields are those of `vector_index --json`.

    `rows` are the segments that its `generations` cover, `vectors` those that they had vectors
    of, and `tail` the segments that are newer, which a search compares one by one. `status` is
    that of the newest build: `none`, waiting, building, completed, failed or cancelled. Of one
    under way, `fraction` (0 to 1), `rows_done` and `rows_total` are of its `step`.
    """

    dataset: str
    status: str
    generations: int
    rows: int
    vectors: int
    dimensions: int
    bytes: int
    tail: int
    step: str
    fraction: float
    rows_done: int
    rows_total: int
    rows_per_second: float | None
    seconds: float
    seconds_left: float | None
    waits_for: str
    notes: str
    error_code: str
    error: str

    @property
    def percent(self) -> int:
        """The fraction in whole percent, rounded down."""
        return int(self.fraction * 100)

    @property
    def summary(self) -> str:
        """The index in one sentence."""
        if not self.generations:
            compared = "the one segment" if self.tail == 1 else f"all {self.tail:,} segments"
            return f"No index: a search compares {compared}."
        newer = how_many(self.tail, "newer segment is", "newer segments are")
        indexed = "vector is" if self.vectors == 1 else "vectors are"
        return (
            f"Of {how_many(self.rows, 'segment')}, {self.vectors:,} {indexed} in the index; "
            f"{newer} compared one by one."
        )

    def as_json(self) -> dict[str, JSONValue]:
        """The report as one JSON object."""
        return asdict(self)


def report_index(dataset: Dataset) -> IndexReport:
    """The index of the dataset as it stands."""
    generations = list(generations_of(dataset))
    covered = max((each.to_version for each in generations), default=0)
    newest = _newest(dataset) or IndexGeneration(dataset=dataset, status="none")
    seconds = _seconds(newest.started_at, newest.finished_at)
    is_building = newest.status == IndexStatus.BUILDING
    is_measured = is_building and newest.steps_done and seconds > SECONDS_BEFORE_RATE
    rate = newest.steps_done / seconds if is_measured else None
    return IndexReport(
        dataset=dataset.name,
        status=newest.status,
        generations=len(generations),
        rows=sum(each.rows for each in generations),
        vectors=sum(each.vectors for each in generations),
        dimensions=max((each.dimensions for each in generations), default=0),
        bytes=sum(each.bytes for each in generations),
        tail=plan.count_rows(dataset.pk, covered, plan.LAST_POSSIBLE),
        step=newest.step,
        fraction=round(newest.fraction, 4),
        rows_done=newest.steps_done,
        rows_total=newest.steps_total,
        rows_per_second=round(rate, 1) if rate else None,
        seconds=round(seconds, 3),
        seconds_left=round((newest.steps_total - newest.steps_done) / rate, 1) if rate else None,
        waits_for=newest.waits_for,
        notes=" ".join(filter(None, sorted({each.notes for each in generations}))),
        error_code=newest.error_code,
        error=newest.error,
    )


def _newest(dataset: Dataset) -> IndexGeneration | None:
    return IndexGeneration.objects.filter(dataset=dataset).order_by("-created_at").first()


def _seconds(start: datetime | None, end: datetime | None) -> float:
    return ((end or timezone.now()) - start).total_seconds() if start else 0.0

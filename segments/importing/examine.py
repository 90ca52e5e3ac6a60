"""The dry run: a file prepared as for an import, looked at, and forgotten again."""

from dataclasses import dataclass

from segments.importing import pipeline, staging
from segments.importing.columns import Columns
from segments.importing.pipeline import GivenFile, Tally
from segments.importing.types import Listener, RowProblem, SegmentRow, Source, Target
from segments.importing.writer import Chunkful


@dataclass(frozen=True, slots=True)
class Examination:
    """What a file would do: nothing of it stays.

    `tokens` counts all good rows; `reused` of them need no embedding, as the dataset has
    their vectors already. All counts are of the rows looked at: where `is_partial`, those are
    the first ones, and `bytes_read` says how much of the file they are. `source` is what the
    file turned out to be, `columns` what its columns were taken for.
    """

    columns: Columns

    rows: int
    failed: int
    tokens: int
    reused: int
    problems: list[RowProblem]
    notices: list[str]
    sample: list[SegmentRow]
    source: Source
    bytes_read: int
    is_partial: bool


def examine(given: GivenFile, target: Target, listener: Listener) -> Examination:
    """Check every row of the file, or its first `most_rows`, for `target`; nothing of it stays.

    Raises:
        FileRefused: the file as a whole cannot be read.
        NoEmbeddingModel: the target's model is not to be had.
    """
    with staging.visit() as visit:
        tally = pipeline.prepare(visit, given, target, _no_fence, listener)
        reused = staging.count_reusable(visit, target.dataset_id) if target.model else 0
    return Examination(
        columns=tally.columns,
        rows=tally.rows,
        failed=tally.failed,
        tokens=tally.tokens,
        reused=reused,
        problems=sorted(tally.problems, key=lambda problem: problem.line),
        notices=tally.notices,
        sample=tally.sample,
        source=tally.source,
        bytes_read=tally.bytes_read,
        is_partial=tally.is_partial,
    )


def _no_fence(tally: Tally, chunk: Chunkful) -> None:
    """A visit belongs to no job, so there is no claim to lose."""

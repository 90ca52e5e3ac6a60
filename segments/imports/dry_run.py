"""The dry run: a file prepared as for an import, looked at, and forgotten again."""

from dataclasses import dataclass
from decimal import Decimal
from time import perf_counter

from segments.embedding import price_of
from segments.exceptions import ImportRefused
from segments.files.columns import Columns
from segments.files.options import ImportMode, ImportOptions, OnError
from segments.files.types import FileDetails, Listener, RowProblem, SegmentRow, Target
from segments.imports import prepare, staging
from segments.imports.merge import MergeSpec
from segments.imports.plan import Plan, make_plan, refuse_over_budget
from segments.imports.prepare import GivenFile
from segments.imports.prepare_stats import PrepareStats, sync_refusal
from segments.imports.staging import Chunkful


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a file would do: nothing of it stays.

    `tokens` counts all good rows; `reused` of them need no embedding, as the dataset has
    their vectors already. All counts are of the rows looked at: where `is_partial`, those are
    the first ones, and `bytes_read` says how much of the file they are. `file_details` is what
    the file turned out to be, `columns` what its columns were taken for, `repeated` the lines that
    say what an earlier line says. `refusal` is why it would not be begun, if so, and `seconds` what
    reading and checking took.
    """

    columns: Columns

    rows: int
    failed: int
    tokens: int
    reused: int
    problems: list[RowProblem]
    notices: list[str]
    sample: list[SegmentRow]
    file_details: FileDetails
    plan: Plan
    repeated: list[tuple[int, int]]
    refusal: str
    bytes_read: int
    is_partial: bool
    seconds: float


def run_dry(given: GivenFile, target: Target, listener: Listener) -> DryRun:
    """Check every row of the file, or its first `most_rows`, for `target`; nothing of it stays.

    Raises:
        FileRefused: the file as a whole cannot be read.
        NoEmbeddingModel: the target's model is not to be had.
    """
    began = perf_counter()
    with staging.visit() as visit:
        tally = prepare.prepare_rows(
            visit, given, target, _no_fence, listener, keeps_language=False
        )
        spec = prepare.merge_spec(visit, given, target, tally)
        price = price_of(target.provider, target.model, target.tenant_id)
        plan = make_plan(spec, price, with_removals=not tally.is_partial)
        refusal = _refused(tally, given.options) or _over_budget(spec, given.options, price)
    return DryRun(
        columns=tally.columns,
        rows=tally.rows,
        failed=tally.failed,
        tokens=tally.tokens,
        reused=tally.staged - plan.rows_to_embed if target.model else 0,
        problems=sorted(tally.problems, key=lambda problem: problem.line),
        notices=tally.notices,
        sample=tally.sample,
        file_details=tally.file_details,
        plan=plan,
        repeated=tally.repeated,
        refusal=refusal,
        bytes_read=tally.bytes_read,
        is_partial=tally.is_partial,
        seconds=round(perf_counter() - began, 3),
    )


def _refused(tally: PrepareStats, options: ImportOptions) -> str:
    if tally.staged and not tally.failed:
        return ""
    if tally.staged and options.on_error == OnError.SKIP:
        return sync_refusal(tally.failed) if options.mode == ImportMode.SYNC else ""
    return f"{tally.failed:,} {'row is' if tally.failed == 1 else 'rows are'} bad."


def _over_budget(spec: MergeSpec, options: ImportOptions, price: Decimal | None) -> str:
    try:
        refuse_over_budget(spec, options, price)
    except ImportRefused as refusal:
        return str(refusal)
    return ""


def _no_fence(tally: PrepareStats, chunk: Chunkful) -> None:
    """A visit belongs to no job, so there is no claim to lose."""

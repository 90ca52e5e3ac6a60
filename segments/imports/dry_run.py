"""The dry run: prepares a file as an import would, describes the result, and discards it."""

from dataclasses import dataclass
from decimal import Decimal
from time import perf_counter

from segments.embedding import price_of
from segments.exceptions import ImportRefused
from segments.files.columns import Columns
from segments.files.options import ImportMode, ImportOptions, OnError
from segments.files.types import FileDetails, Listener, RowProblem, SegmentRow, Target
from segments.imports import prepare, staging
from segments.imports.embed_time import embed_time
from segments.imports.merge import MergeSpec
from segments.imports.plan import Plan, make_plan, refuse_over_budget
from segments.imports.prepare import GivenFile
from segments.imports.prepare_stats import PrepareStats, sync_refusal
from segments.imports.staging import Chunkful


@dataclass(frozen=True, slots=True)
class DryRun:
    """What an import of the file would do; nothing is kept.

    `tokens` counts all good rows; `reused` of them need no embedding, because the dataset
    already has their vectors. All counts cover the rows that were read: if `is_partial`, those
    are the first ones, and `bytes_read` says how much of the file they take up. `file_details`
    describes the file, `columns` the part each column fills, `repeated` the lines that repeat an
    earlier line. `refusal` says why the import would be refused, if it would, and `seconds` how
    long reading and checking took.
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
    """Check every row of the file, or its first `most_rows`, for `target`; nothing is kept.

    Raises:
        FileRefused: the file as a whole cannot be read.
        NoEmbeddingModel: the target's model is not available.
    """
    began = perf_counter()
    with staging.visit() as visit:
        tally = prepare.prepare_rows(visit, given, target, _no_fence, listener)
        spec = prepare.merge_spec(visit, given, target, tally)
        price = price_of(target.provider, target.model, target.tenant_id)
        plan = make_plan(spec, price, with_removals=not tally.is_partial)
        time = embed_time(
            (target.provider, target.model),
            given.options,
            tally.tokens,
            lambda: plan.tokens_to_embed,
            share=_share_read(tally, given),
        )
        refusal = _refused(tally, given.options) or _over_budget(spec, given.options, price)
    return DryRun(
        columns=tally.columns,
        rows=tally.rows,
        failed=tally.failed,
        tokens=tally.tokens,
        reused=tally.staged - plan.rows_to_embed if target.model else 0,
        problems=sorted(tally.problems, key=lambda problem: problem.line),
        notices=[*tally.notices, *time.notices],
        sample=tally.sample,
        file_details=tally.file_details,
        plan=plan,
        repeated=tally.repeated,
        refusal=refusal,
        bytes_read=tally.bytes_read,
        is_partial=tally.is_partial,
        seconds=round(perf_counter() - began, 3),
    )


def _share_read(tally: PrepareStats, given: GivenFile) -> float:
    """How much of the file was read, 1 for all of it."""
    return tally.bytes_read / given.size if tally.is_partial and tally.bytes_read else 1.0


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
    """A dry run has no job, so there is no claim to check."""

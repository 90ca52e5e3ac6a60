"""The outcome of an import, as machines get it and as people are shown it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from segments.files.types import JSONValue, RowProblem
from segments.imports.dry_run import DryRun
from segments.imports.plan import Change, Plan
from segments.models import ImportJob, RowError
from segments.models.import_job import ImportStatus, Seconds
from segments.models.staging import remedy_for

ERRORS_LISTED = 100
# The state of what has none, as nothing of it is kept.
DRY_RUN = "dry_run"
BILLED_FIELDS = ("requests", "tokens_billed", "cost")


@dataclass(frozen=True, slots=True)
class LineError:
    """A bad row of the file."""

    line: int
    column: str
    value: str
    code: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """A segment before and after the import; of an update, the parts that differ.

    `kind` is create, update or remove. `before` is None for a new segment, `after` for one that
    is removed. `line` is a line of the file, `position` a place in the document.
    """

    kind: str
    line: int | None
    position: int | None
    before: dict[str, JSONValue] | None
    after: dict[str, JSONValue] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """What an import would do; the cost is an exact number written as text."""

    mode: str
    created: int
    updated: int
    unchanged: int
    removed: int
    rows_to_embed: int
    tokens_to_embed: int
    cost: str | None
    changes: list[ChangeReport]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of a file; the fields are those of `import_segments --json`.

    `rows` counts all rows of the file, `failed` the bad ones, `seconds` what each phase took.
    `requests`, `tokens_billed` and `cost` are what an endpoint was asked and reports; those of a
    dry run are what it would cost at most.
    `errors` are the first hundred bad rows; `error` says why the import ended early. `plan` is
    what a dry run found that the import would do.
    """

    job_id: str | None = None
    status: str
    rows: int = 0
    created: int = 0
    updated: int = 0
    skipped: int = 0
    deleted: int = 0
    failed: int = 0
    embedded: int = 0
    reused: int = 0
    tokens: int = 0
    requests: int = 0
    tokens_billed: int = 0
    cost: float | None = None
    seconds: Seconds = field(default_factory=lambda: Seconds(0.0, 0.0, 0.0, 0.0))
    errors: list[LineError] = field(default_factory=list)
    error: str | None = None
    plan: PlanReport | None = None
    notices: list[str] = field(default_factory=list)

    @property
    def is_success(self) -> bool:
        """Whether the file was imported, or could be."""
        return self.error is None and self.status in (ImportStatus.COMPLETED, DRY_RUN)

    @property
    def has_begun(self) -> bool:
        """Whether the file was looked at: there is an import, or it was a dry run."""
        return self.job_id is not None or self.status == DRY_RUN

    def as_json(self) -> dict[str, JSONValue]:
        """The report as one JSON object; notices are for people and go to standard error.

        `plan` is there after a dry run, what an endpoint billed when one was asked; all other
        fields always are.
        """
        fields = asdict(self)
        del fields["notices"]
        if self.plan is None:
            del fields["plan"]
        if not self.requests:
            for billed in BILLED_FIELDS:
                del fields[billed]
        return fields


def report_import(job: ImportJob) -> ImportReport:
    """The current report of an import."""
    return ImportReport(
        job_id=str(job.pk),
        status=job.status,
        rows=job.rows_total,
        created=job.rows_created,
        updated=job.rows_updated,
        skipped=job.rows_skipped,
        deleted=job.rows_deleted,
        failed=job.rows_failed,
        embedded=job.rows_embedded,
        reused=job.rows_reused,
        tokens=job.tokens,
        requests=job.embedding_requests,
        tokens_billed=job.embedding_tokens,
        cost=float(job.embedding_cost) if job.embedding_requests else None,
        seconds=job.seconds,
        errors=_first(RowError.objects.filter(job=job)[:ERRORS_LISTED]),
        error=job.error or None,
        notices=job.notices,
    )


def report_dry_run(found: DryRun) -> ImportReport:
    """The report of a dry run: nothing was embedded, `reused` is what would be."""
    return ImportReport(
        status=DRY_RUN,
        seconds=Seconds(prepare=found.seconds, embed=0.0, publish=0.0, total=found.seconds),
        rows=found.rows,
        failed=found.failed,
        reused=found.reused,
        tokens=found.tokens,
        cost=None if found.plan.cost is None else float(found.plan.cost),
        errors=[_line_error(problem) for problem in found.problems[:ERRORS_LISTED]],
        error=found.refusal or None,
        plan=_planned(found.plan),
        notices=found.notices,
    )


def report_refusal(error: str, *, cancelled: bool = False) -> ImportReport:
    """The report of an import that could not even start, or was stopped before it did."""
    status = ImportStatus.CANCELLED if cancelled else ImportStatus.FAILED
    return ImportReport(status=status, error=error)


def _first(errors: Iterable[RowError]) -> list[LineError]:
    return [_line_error(error) for error in errors]


def _line_error(error: RowError | RowProblem) -> LineError:
    return LineError(
        error.line, error.column, error.value, error.code, error.reason, remedy_for(error.code)
    )


def _planned(plan: Plan) -> PlanReport:
    return PlanReport(
        mode=plan.mode.value,
        created=plan.created,
        updated=plan.updated,
        unchanged=plan.unchanged,
        removed=plan.removed,
        rows_to_embed=plan.rows_to_embed,
        tokens_to_embed=plan.tokens_to_embed,
        cost=None if plan.cost is None else f"{plan.cost:f}",
        changes=[_change(change) for change in plan.changes],
    )


def _change(change: Change) -> ChangeReport:
    return ChangeReport(change.kind, change.line, change.position, change.before, change.after)

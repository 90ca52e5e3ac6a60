"""The outcome of an import, as machines get it and as people are shown it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from segments.importing.examine import Examination
from segments.importing.types import JSONValue
from segments.models import ImportJob, RowError
from segments.models.import_job import ImportStatus, Seconds

ERRORS_LISTED = 100


@dataclass(frozen=True, slots=True)
class LineError:
    """A bad row of the file."""

    line: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of a file; the fields are those of `import_segments --json`.

    `rows` counts all rows of the file, `failed` the bad ones, `seconds` what each phase took.
    `errors` are the first hundred bad rows; `error` says why the import ended early.
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
    seconds: Seconds = field(default_factory=lambda: Seconds(0.0, 0.0, 0.0, 0.0))
    errors: list[LineError] = field(default_factory=list)
    error: str | None = None
    notices: list[str] = field(default_factory=list)

    @property
    def is_success(self) -> bool:
        """Whether the file was imported, or could be."""
        return self.error is None and self.status in (ImportStatus.COMPLETED, "dry_run")

    def as_json(self) -> dict[str, JSONValue]:
        """The report as one JSON object; notices are for people and go to standard error."""
        fields = asdict(self)
        del fields["notices"]
        return fields


def report_import(job: ImportJob) -> ImportReport:
    """The report of an import as it stands."""
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
        seconds=job.seconds,
        errors=_first(RowError.objects.filter(job=job)[:ERRORS_LISTED]),
        error=job.error or None,
        notices=job.notices,
    )


def report_examination(found: Examination) -> ImportReport:
    """The report of a dry run: nothing was embedded, `reused` is what would be."""
    rows = "row is" if found.failed == 1 else "rows are"
    return ImportReport(
        status="dry_run",
        rows=found.rows,
        failed=found.failed,
        reused=found.reused,
        tokens=found.tokens,
        errors=[
            LineError(problem.line, problem.column, problem.value, problem.reason)
            for problem in found.problems[:ERRORS_LISTED]
        ],
        error=found.refusal or (f"{found.failed:,} {rows} bad." if found.failed else None),
        notices=found.notices,
    )


def report_refusal(error: str, *, cancelled: bool = False) -> ImportReport:
    """The report of an import that could not even start, or was stopped before it did."""
    status = ImportStatus.CANCELLED if cancelled else ImportStatus.FAILED
    return ImportReport(status=status, error=error)


def _first(errors: Iterable[RowError]) -> list[LineError]:
    return [LineError(error.line, error.column, error.value, error.reason) for error in errors]

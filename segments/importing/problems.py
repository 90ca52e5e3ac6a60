"""Bad rows kept for the report, whichever step finds them."""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from django.db.models import F, Sum

from segments.importing.rebuilt import with_cells
from segments.importing.types import JSONCell, JSONValue, RowProblem
from segments.importing.values import check_storable
from segments.models import ImportJob, RowError, StagedMatch, StagedRow


def record(job_id: UUID, found: Sequence[RowProblem]) -> None:
    """Keep bad rows for the report."""
    RowError.objects.bulk_create(
        RowError(
            job_id=job_id,
            line=problem.line,
            column=problem.column,
            value=problem.value,
            code=problem.code,
            reason=problem.reason,
            raw=[_kept(cell) for cell in problem.cells] or None,
        )
        for problem in found
    )


def forget(job_id: UUID) -> None:
    """Remove the bad rows of an earlier try."""
    RowError.objects.filter(job_id=job_id).delete()


def count_failed(job_id: UUID, found: Sequence[RowProblem]) -> None:
    """Keep bad rows that a later step than the first has found, and count them."""
    uses = ImportJob.objects.values_list("source__uses", flat=True).get(pk=job_id)
    record(job_id, with_cells(job_id, found, uses or ()))
    ImportJob.objects.filter(pk=job_id).update(rows_failed=F("rows_failed") + len(found))


def drop_rows(job_id: UUID, rows: Sequence[int], found: Sequence[RowProblem]) -> None:
    """Go on without staged `rows`, for the reasons that `found` gives."""
    staged = StagedRow.objects.filter(job_id=job_id, row__in=rows)
    tokens = staged.aggregate(tokens=Sum("tokens"))["tokens"] or 0
    count_failed(job_id, found)
    staged._raw_delete("default")
    StagedMatch.objects.filter(job_id=job_id, row__in=rows)._raw_delete("default")
    ImportJob.objects.filter(pk=job_id).update(
        rows_staged=F("rows_staged") - len(rows), tokens=F("tokens") - tokens
    )


def _kept(cell: str) -> JSONValue:
    """A cell as the report needs it: what is no text in its file keeps its value."""
    if isinstance(cell, JSONCell):
        with suppress(ValueError):
            check_storable(cell.value)
            return cell.value
    return _storable(cell)


def _storable(cell: str) -> str:
    """A cell as it can be stored: without NUL and broken characters."""
    return cell.replace("\0", "\N{SYMBOL FOR NULL}").encode(errors="replace").decode()

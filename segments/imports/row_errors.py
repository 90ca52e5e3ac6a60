"""Bad rows, kept for the report, whichever step finds them."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from django.db.models import F, Sum

from segments.files.columns import TEMPLATE_USE
from segments.files.names import METADATA_PREFIX
from segments.files.types import JSONCell, JSONValue, RowProblem
from segments.files.values import check_storable, keywords_cell
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
    """Keep and count bad rows that a later step has found."""
    uses = ImportJob.objects.values_list("file_details__uses", flat=True).get(pk=job_id)
    record(job_id, with_cells(job_id, found, uses or ()))
    ImportJob.objects.filter(pk=job_id).update(rows_failed=F("rows_failed") + len(found))


def drop_rows(job_id: UUID, rows: Sequence[int], found: Sequence[RowProblem]) -> None:
    """Drop staged `rows`, for the reasons in `found`."""
    staged = StagedRow.objects.filter(job_id=job_id, row__in=rows)
    tokens = staged.aggregate(tokens=Sum("tokens"))["tokens"] or 0
    count_failed(job_id, found)
    staged._raw_delete("default")
    StagedMatch.objects.filter(job_id=job_id, row__in=rows)._raw_delete("default")
    ImportJob.objects.filter(pk=job_id).update(
        rows_staged=F("rows_staged") - len(rows), tokens=F("tokens") - tokens
    )


def _kept(cell: str) -> JSONValue:
    """A cell as the report stores it: a value that is not text in its file keeps its type."""
    if isinstance(cell, JSONCell):
        with suppress(ValueError):
            check_storable(cell.value)
            return cell.value
    return _storable(cell)


def _storable(cell: str) -> str:
    """A cell that PostgreSQL can store: without NUL and lone surrogates."""
    return cell.replace("\0", "\N{SYMBOL FOR NULL}").encode(errors="replace").decode()


def with_cells(job_id: UUID, found: Sequence[RowProblem], uses: Sequence[str]) -> list[RowProblem]:
    """The problems with the cells of their rows; `uses` are the parts that the columns fill.

    A column that fills no part of a segment comes back empty: it was not kept.
    """
    lines = [problem.line for problem in found if not problem.cells]
    staged = StagedRow.objects.filter(job_id=job_id, line__in=lines).defer("search_vector")
    rows = {row.line: row for row in staged}
    return [
        replace(problem, cells=_restored_cells(rows[problem.line], uses))
        if problem.line in rows
        else problem
        for problem in found
    ]


def _restored_cells(row: StagedRow, uses: Sequence[str]) -> tuple[str, ...]:
    """The cells of a row, as far as they were kept.

    What was written from several columns cannot be taken apart: questions all come back in the
    first of their columns, and a text by a template not at all.
    """
    if TEMPLATE_USE in uses:
        return tuple("" if use == "content" else _restored_cell(row, use) for use in uses)
    first = uses.index("content") if "content" in uses else 0
    return tuple(
        "" if use == "content" and place != first else _restored_cell(row, use)
        for place, use in enumerate(uses)
    )


def _restored_cell(row: StagedRow, use: str) -> str:
    if use.startswith(METADATA_PREFIX):
        value = row.metadata.get(use[len(METADATA_PREFIX) :], "")
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if use == "metadata":
        return json.dumps(row.metadata, ensure_ascii=False) if row.metadata else ""
    if use == "keywords":
        return keywords_cell(row.keywords)
    if use == "enabled":
        return "true" if row.enabled else "false"
    if use == "segment_id":
        return str(row.known_id or "")
    texts = {"content": row.content, "answer": row.answer, "external_id": row.external_id}
    return texts.get(use) or ""

"""The cells of rows that turned out to be bad after they were staged, for the report."""

import json
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from segments.importing.aims import METADATA_PREFIX
from segments.importing.types import RowProblem
from segments.importing.values import keywords_cell
from segments.models import StagedRow


def with_cells(job_id: UUID, found: Sequence[RowProblem], uses: Sequence[str]) -> list[RowProblem]:
    """The problems with the cells of their rows, in columns that are these parts.

    A column that is no part of a segment comes back empty: it was not kept.
    """
    lines = [problem.line for problem in found if not problem.cells]
    staged = StagedRow.objects.filter(job_id=job_id, line__in=lines).defer("search_vector")
    rows = {row.line: row for row in staged}
    return [
        replace(problem, cells=_cells(rows[problem.line], uses))
        if problem.line in rows
        else problem
        for problem in found
    ]


def _cells(row: StagedRow, uses: Sequence[str]) -> tuple[str, ...]:
    return tuple(_cell(row, use) for use in uses)


def _cell(row: StagedRow, use: str) -> str:
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

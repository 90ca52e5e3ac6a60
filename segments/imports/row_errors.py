"""Bad rows: kept whichever step finds them, and written back as a file to correct."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from pathlib import PurePath
from typing import Protocol, TypeVar
from uuid import UUID

from django.db.models import F, Sum

from segments.files.columns import ERROR_COLUMN, METADATA_PREFIX, folded
from segments.files.types import FileFormat, JSONCell, JSONValue, RowProblem, Source
from segments.files.values import check_storable, keywords_cell
from segments.files.writers import Row, Table, table_bytes
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


def with_cells(job_id: UUID, found: Sequence[RowProblem], uses: Sequence[str]) -> list[RowProblem]:
    """The problems with the cells of their rows, in columns that are these parts.

    A column that is no part of a segment comes back empty: it was not kept.
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
    return tuple(_restored_cell(row, use) for use in uses)


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


ROWS_AT_A_TIME = 2_000
# The key under which a report in JSON has what is no object, to be made one.
NO_OBJECT = "text"


class Problem(Protocol):
    """What is wrong with a row, whether it is kept in the database or not."""

    @property
    def line(self) -> int:
        """Where the row is."""
        ...

    @property
    def column(self) -> str:
        """In which of its columns; empty for the row as a whole."""
        ...

    @property
    def reason(self) -> str:
        """Why, and what to do."""
        ...


AnyProblem = TypeVar("AnyProblem", bound=Problem)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row of the file: its line, its cells as far as they are kept, all that is wrong."""

    line: int
    cells: Sequence[JSONValue]
    error: str


def report_of_job(job: ImportJob) -> Iterator[bytes]:
    """The bad rows of an import, in portions; of a file that could not be read, none."""
    errors = job.row_errors.order_by("line", "id")
    return _report(
        source_of(job), lambda: _grouped(errors.iterator(ROWS_AT_A_TIME), lambda error: error.raw)
    )


def report_of_problems(source: Source, problems: Sequence[RowProblem]) -> Iterator[bytes]:
    """The bad rows of a file that was only looked at, in portions."""
    return _report(source, lambda: _grouped(problems, _cells))


def report_name(file_name: str, source: Source) -> str:
    """What to call the file: as the one it comes from."""
    stem = PurePath(file_name.removesuffix(".gz")).stem or "rows"
    return f"{stem}-bad-rows.{source.format}"


def source_of(job: ImportJob) -> Source:
    """What the import's file turned out to be; CSV, if it could not be read at all."""
    return Source.from_json(job.source) if job.source else Source(FileFormat.CSV)


def _report(source: Source, bad: Callable[[], Iterable[BadRow]]) -> Iterator[bytes]:
    names = [name for name in source.header if folded(name) != ERROR_COLUMN]
    is_json = source.format in (FileFormat.JSON, FileFormat.JSONL)
    table = Table(
        [*names, ERROR_COLUMN] if names else [],
        lambda: (_object(source, row) if is_json else _row(source, row) for row in bad()),
        delimiter=source.delimiter or ",",
        sheet="Bad rows",
        keeps_shape=True,
    )
    return table_bytes(table, source.format)


def _grouped(
    problems: Iterable[AnyProblem], cells_of: Callable[[AnyProblem], Sequence[JSONValue] | None]
) -> Iterator[BadRow]:
    """A row for each line, whose problems stand one after the other."""
    for line, found in groupby(problems, key=attrgetter("line")):
        every = list(found)
        cells = next((cells for each in every if (cells := cells_of(each))), ())
        yield BadRow(line, cells, f"Line {line:,}: {' '.join(map(_sentence, every))}")


def _sentence(problem: Problem) -> str:
    return f"{problem.column}: {problem.reason}" if problem.column else problem.reason


def _cells(problem: RowProblem) -> Sequence[JSONValue]:
    return [cell.value if isinstance(cell, JSONCell) else cell for cell in problem.cells]


def _row(source: Source, bad: BadRow) -> Row:
    """The cells in their columns, the error in its own, and behind it what has no column."""
    width = len(source.header) or len(bad.cells)
    cells = [*bad.cells[:width], *[""] * (width - len(bad.cells))]
    if source.header:
        pairs = zip(source.header, cells, strict=True)
        cells = [cell for name, cell in pairs if folded(name) != ERROR_COLUMN]
    return [*cells, bad.error, *bad.cells[width:]]


def _object(source: Source, bad: BadRow) -> dict[str, JSONValue]:
    """The object with the values it had, or what was no object under a key of its own."""
    if len(bad.cells) != len(source.header):
        return {NO_OBJECT: bad.cells[0] if bad.cells else None, ERROR_COLUMN: bad.error}
    pairs = zip(source.header, bad.cells, strict=True)
    return {name: cell for name, cell in pairs if cell != ""} | {ERROR_COLUMN: bad.error}

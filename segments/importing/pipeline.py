"""The first step of an import, put together from its parts; Python reads on while Postgres stores.

    read ─► validate ─► count tokens ─► stage, chunk by chunk ─► rules that need all rows

The other two steps are one part each: `importing.embed` and `importing.publish`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import BinaryIO, TypeAlias
from uuid import UUID

from django.conf import settings
from django.db import transaction

from segments.embedding import Embedder, get_embedder
from segments.exceptions import FileEmpty, FileTooLarge
from segments.importing import heading, staging
from segments.importing.aims import Aim
from segments.importing.columns import Columns
from segments.importing.full_text import full_text_problem
from segments.importing.matching import match
from segments.importing.options import ImportOptions
from segments.importing.rebuilt import with_cells
from segments.importing.rows import open_sheet
from segments.importing.tally import Tally as Tally
from segments.importing.tokens import count
from segments.importing.types import (
    CountedRow,
    Listener,
    Progress,
    RawRow,
    RowProblem,
    SegmentRow,
    Sheet,
    Target,
    shown,
)
from segments.importing.validation import Rules, validate
from segments.importing.writer import Chunkful, StagingWriter
from segments.models.import_job import ImportMode, ImportStatus

# A chunk of rows as long as they may be would take hundreds of megabytes; this ends it earlier.
CHUNK_CHARS = 8 * 1024 * 1024

Checked: TypeAlias = tuple[RawRow, CountedRow | list[RowProblem]]
"""A row as it was read, and what checking it gave."""


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A file that stands at its beginning, its name and size, and how it is to be read.

    With `most_rows`, for a look at a large file, the rows after them are left unread.
    """

    file: BinaryIO
    name: str
    size: int
    options: ImportOptions
    most_rows: int | None = None


Fence = Callable[[Tally, Chunkful], None]
"""Called in each staging transaction, before the chunk's rows; raises to roll it back."""


def prepare(
    job_id: UUID,
    given: GivenFile,
    target: Target,
    fence: Fence,
    listener: Listener,
) -> Tally:
    """Check every row of the file for `target` and stage the good ones under `job_id`.

    Raises:
        FileRefused: the file as a whole cannot be read.
        NoEmbeddingModel: the target's model is not to be had.
    """
    embedder = (
        get_embedder(target.provider, target.model, target.tenant_id) if target.provider else None
    )
    sheet = open_sheet(given.file, given.name, given.options)
    with closing(sheet.rows), StagingWriter(job_id, target.text_search_config) as writer:
        columns = heading.columns_of(sheet, target, given.options)
        tally = Tally(columns, heading.described(sheet, columns, given.options))
        rows = _checked(sheet, _Checks(columns, embedder, target.text_search_config))
        for chunk in _chunks(islice(rows, given.most_rows), tally, _chunk_rows(embedder)):
            tally.bytes_read = sheet.position()
            writer.put(chunk, partial(fence, replace(tally), chunk))
            listener(_progress(tally, given.size))
        tally.is_partial = given.most_rows is not None and next(rows, None) is not None
    if not tally.rows:
        raise FileEmpty(f"{given.name} has a header but no rows. Put rows under it.")
    tally.notices += [*sheet.notices, *heading.notices_of(columns)]
    with transaction.atomic():
        # The fence locks the job: nobody takes it over while the database computes on all rows.
        fence(tally, Chunkful(0, tally.staged + 1))
        found = _check_ids(job_id, given, target, tally)
        match(aim_of(job_id, given, target, tally))
        tally.repeated = staging.repeated_rows(job_id, most=settings.SEGMILL_MAX_ROW_ERRORS)
        fence(tally, Chunkful(0, tally.staged + 1, problems=found))
    tally.notices += heading.repetitions_of(tally.repeated)
    return tally


def aim_of(job_id: UUID, given: GivenFile, target: Target, tally: Tally) -> Aim:
    """What the staged rows are to make of the target."""
    return Aim(
        job_id,
        target.document_id,
        target.dataset_id,
        given.options.mode,
        frozenset(filter(None, tally.source.uses)),
        bool(target.model),
    )


def _progress(tally: Tally, file_bytes: int) -> Progress:
    fraction = min(tally.bytes_read / max(file_bytes, 1), 1.0)
    return Progress(ImportStatus.PREPARING, tally.rows, fraction, failed=tally.failed)


@dataclass(frozen=True, slots=True)
class _Checks:
    """What every row is checked against."""

    columns: Columns
    embedder: Embedder | None
    text_search_config: str


def _checked(sheet: Sheet, checks: _Checks) -> Iterator[Checked]:
    """Each row of the sheet, checked and counted, or all that is wrong with it."""
    rules = Rules(checks.columns, settings.SEGMILL_MAX_CELL_CHARS)
    most = settings.SEGMILL_MAX_ROWS
    for number, raw in enumerate(sheet.rows, 1):
        if number > most:
            raise FileTooLarge(
                f"The file has more than {most:,} rows (SEGMILL_MAX_ROWS). Split it."
            )
        row = validate(raw, rules)
        yield raw, row if isinstance(row, list) else _counted(raw, row, checks)


def _counted(raw: RawRow, row: SegmentRow, checks: _Checks) -> CountedRow | list[RowProblem]:
    """`row` with its tokens, or why the model or the full-text index cannot take it."""
    counted = count(row, checks.embedder)
    if isinstance(counted, CountedRow):
        found = full_text_problem(row, checks.text_search_config)
        if found is None:
            return counted
    else:
        found = counted
    column = checks.columns.names[checks.columns.content]
    return [replace(found, column=shown(column), cells=raw.cells)]


def _chunk_rows(embedder: Embedder | None) -> int:
    """Most rows of a chunk: as many as the model does in a few seconds."""
    most: int = settings.SEGMILL_CHUNK_ROWS
    return min(most, embedder.batching.chunk_texts) if embedder else most


def _chunks(rows: Iterable[Checked], tally: Tally, full: int) -> Iterator[Chunkful]:
    """Rows and problems in the portions they are stored in, counted on the way."""
    chunk, chars = Chunkful(ordinal=1, first_row=1), 0
    for raw, row in rows:
        tally.rows += 1
        if isinstance(row, list):
            chunk.problems += tally.add_problems(row)
        else:
            tally.add_row(row)
            chunk.rows.append(row)
        chars += sum(map(len, raw.cells))
        if chunk.size >= full or chars >= CHUNK_CHARS:
            yield chunk
            chunk, chars = Chunkful(chunk.ordinal + 1, first_row=tally.staged + 1), 0
    if chunk.size:
        yield chunk


def _check_ids(job_id: UUID, given: GivenFile, target: Target, tally: Tally) -> list[RowProblem]:
    """The rules that need all rows: external ids are unique in the file and in the document.

    Rows that break them are staged no more. Only an append has to know the document: other
    modes take a known id for the segment that is meant.
    """
    if tally.columns.external_id is None:
        return []
    problems = staging.duplicate_ids(job_id)
    if given.options.mode == ImportMode.APPEND:
        problems += staging.known_ids(job_id, target.document_id)
    if problems:
        problems = with_cells(job_id, problems, tally.source.uses)
        rows, tokens = staging.drop_lines(job_id, {problem.line for problem in problems})
        tally.staged -= rows
        tally.tokens -= tokens
    return tally.add_problems(sorted(problems, key=lambda problem: problem.line))

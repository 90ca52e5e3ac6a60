"""The first step: stored file ─► checked, counted, staged rows."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import BinaryIO, cast
from uuid import UUID

from django.conf import settings
from django.core.files.base import File
from django.db import transaction

from datasets.models import DocForm
from segments.embedding import Embedder, get_embedder, price_of
from segments.embedding.tokens import count_tokens
from segments.exceptions import FileEmpty, FileTooLarge, FileUnreadable, ImportRefused, RowsRefused
from segments.files.columns import Columns
from segments.files.options import ImportMode, ImportOptions, OnError
from segments.files.sheets import open_sheet
from segments.files.splitting import MOST_TOKENS, Measure
from segments.files.types import (
    CountedRow,
    Listener,
    Progress,
    RawRow,
    RowProblem,
    SegmentRow,
    Target,
    shown,
)
from segments.files.validation import MAX_CELL_CHARS, Rules, validate
from segments.imports import (
    column_mapping,
    language,
    plan,
    prepare_stats,
    progress_rates,
    row_errors,
    staging,
)
from segments.imports.embed_time import embed_time
from segments.imports.merge import MergeSpec, match
from segments.imports.parents import Checked, content_hash, parts_of, refuse_parents
from segments.imports.prepare_stats import PrepareStats, sync_refusal
from segments.imports.publish import adopt_model, full_text_problem
from segments.imports.row_errors import with_cells
from segments.imports.staging import Chunkful, FullText, StagingWriter
from segments.imports.state import IMPORT_JOBS, options_of, target_of
from segments.jobs.state_machine import JobClaim
from segments.languages.detection import SAMPLE_ROWS
from segments.models import Chunk, ImportJob
from segments.models.import_job import ImportStatus
from segments.uploads import upload_storage


def count(row: SegmentRow, embedder: Embedder | None) -> CountedRow | RowProblem:
    """`row` with its tokens, or the problem that `embedder` cannot take it whole."""
    if embedder is not None and _is_too_long(row.content, embedder):
        return _too_long(row, embedder)
    return CountedRow(row, count_tokens(row.content), content_hash(row.content))


def _is_too_long(content: str, embedder: Embedder) -> bool:
    """Whether `content` is over the model's limit, asking its tokenizer only if need be.

    A token stands for at least one byte of UTF-8, which is at most four a character.
    """
    if len(content) * 4 <= embedder.token_limit or len(content.encode()) <= embedder.token_limit:
        return False
    return embedder.count_tokens(content) > embedder.token_limit


def _too_long(row: SegmentRow, embedder: Embedder) -> RowProblem:
    tokens = embedder.count_tokens(row.content)
    reason = (
        f"The text has {tokens:,} tokens; {embedder.model} takes {embedder.token_limit:,}. "
        "Split it into several rows."
    )
    return RowProblem(row.line, "content", shown(row.content), "over_token_limit", reason)


# A chunk of rows as long as they may be would take hundreds of megabytes; this ends it earlier.
CHUNK_CHARS = 8 * 1024 * 1024
# Preparing and publishing so many fit into a task's time limit seven times over.
MAX_ROWS = 5_000_000


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


Fence = Callable[[PrepareStats, Chunkful], None]
"""Called in each staging transaction, before the chunk's rows; raises to roll it back."""


def prepare_rows(
    job_id: UUID,
    given: GivenFile,
    target: Target,
    fence: Fence,
    listener: Listener,
) -> PrepareStats:
    """Check every row of the file for `target` and stage the good ones under `job_id`.

    The first import of a dataset shows its language (`PrepareStats.language`).

    Raises:
        FileRefused: the file as a whole cannot be read.
        NoEmbeddingModel: the target's model is not available.
    """
    embedder = (
        get_embedder(target.provider, target.model, target.tenant_id) if target.provider else None
    )
    remembered = column_mapping.remembered_columns(target.document_id)
    known = column_mapping.known_header(remembered)
    is_of_parents = target.doc_form == DocForm.HIERARCHICAL
    refuse_parents(given.options, is_of_parents=is_of_parents)
    measure = (
        replace(_measure(embedder), limit=MOST_TOKENS) if is_of_parents else _measure(embedder)
    )
    sheet = open_sheet(given.file, given.name, given.options, known, measure)
    with closing(sheet.rows):
        columns = column_mapping.columns_of(sheet, target, given.options, remembered)
        tally = PrepareStats(columns, column_mapping.describe_columns(sheet, columns))
        read = column_mapping.rows_in(sheet)
        head = list(islice(read, SAMPLE_ROWS if language.is_open(target) else 0))
        found = language.find(target, head, columns)
        tally.notices += found.notices
        tally.language = found.full_text.language
        checks = _Checks(columns, embedder, found.full_text)
        if is_of_parents:
            rows = parts_of(chain(head, read), columns, given.options, _measure(embedder))
        else:
            rows = _checked(chain(head, read), checks)
        with StagingWriter(job_id, found.full_text) as writer:
            for chunk in _chunks(islice(rows, given.most_rows), tally, _chunk_rows(embedder)):
                tally.bytes_read = sheet.position()
                writer.put(chunk, partial(fence, replace(tally), chunk))
                listener(_progress(tally, given.size))
        tally.is_partial = given.most_rows is not None and next(rows, None) is not None
    if not tally.rows:
        raise FileEmpty(f"{given.name} has a header but no rows. Add rows below it.")
    tally.notices += [*sheet.notices, *column_mapping.notices_of(columns)]
    with transaction.atomic():
        # The fence locks the job: no worker takes it over while the database computes on all rows.
        fence(tally, Chunkful(0, tally.staged + 1))
        problems = _check_ids(job_id, given, target, tally)
        match(merge_spec(job_id, given, target, tally))
        tally.repeated = staging.repeated_rows(job_id, most=prepare_stats.MAX_ROW_ERRORS)
        fence(tally, Chunkful(0, tally.staged + 1, problems=problems))
    tally.notices += column_mapping.repetitions_of(tally.repeated)
    return tally


def _measure(embedder: Embedder | None) -> Measure:
    """How the pieces of a document are measured: as the model does it, if there is one."""
    if embedder is None:
        return Measure(count_tokens)
    return Measure(embedder.count_tokens, embedder.token_limit)


def merge_spec(job_id: UUID, given: GivenFile, target: Target, tally: PrepareStats) -> MergeSpec:
    """What the staged rows are to make of the target."""
    return MergeSpec(
        job_id,
        target.document_id,
        target.dataset_id,
        given.options.mode,
        frozenset(filter(None, tally.file_details.uses)),
        bool(target.model),
        target.doc_form == DocForm.HIERARCHICAL,
    )


def _progress(tally: PrepareStats, file_bytes: int) -> Progress:
    fraction = min(tally.bytes_read / max(file_bytes, 1), 1.0)
    return Progress(ImportStatus.PREPARING, tally.rows, fraction, failed=tally.failed)


@dataclass(frozen=True, slots=True)
class _Checks:
    """What every row is checked against."""

    columns: Columns
    embedder: Embedder | None
    full_text: FullText


def _checked(rows: Iterable[RawRow], checks: _Checks) -> Iterator[Checked]:
    """Each row, checked and counted, or all that is wrong with it."""
    rules = Rules(checks.columns, MAX_CELL_CHARS)
    for number, raw in enumerate(rows, 1):
        if number > MAX_ROWS:
            raise FileTooLarge(f"The file has more than {MAX_ROWS:,} rows. Split it.")
        row = validate(raw, rules)
        yield raw, row if isinstance(row, list) else _counted(raw, row, checks)


def _counted(raw: RawRow, row: SegmentRow, checks: _Checks) -> CountedRow | list[RowProblem]:
    """`row` with its tokens, or why the model or the full-text index cannot take it."""
    counted = count(row, checks.embedder)
    if isinstance(counted, CountedRow):
        found = full_text_problem(row, checks.full_text)
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


def _chunks(rows: Iterable[Checked], tally: PrepareStats, full: int) -> Iterator[Chunkful]:
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


def _check_ids(
    job_id: UUID, given: GivenFile, target: Target, tally: PrepareStats
) -> list[RowProblem]:
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
        problems = with_cells(job_id, problems, tally.file_details.uses)
        rows, tokens = staging.drop_lines(job_id, {problem.line for problem in problems})
        tally.staged -= rows
        tally.tokens -= tokens
    return tally.add_problems(sorted(problems, key=lambda problem: problem.line))


def prepare(claim: JobClaim, listener: Listener) -> None:
    """Check and stage every row of the file, and refuse what is not worth paying for."""
    start_over(claim)
    job = IMPORT_JOBS.load(claim.job_id)
    embeds = bool(job.embedding_model) and not job.embeds_later
    fence = partial(_stage_fence, claim, embeds)
    with _stored(job) as file:
        given = GivenFile(cast("BinaryIO", file), job.file_name, job.file_bytes, options_of(job))
        tally = prepare_rows(job.pk, given, target_of(job), fence, listener)
    column_mapping.remember_columns(job.document_id, tally.columns, given.options)
    if not tally.staged or (tally.failed and job.on_error == OnError.ABORT):
        first = min(tally.problems, key=lambda problem: problem.line)
        raise RowsRefused(tally.failed, tally.rows, str(first))
    if tally.failed and job.mode == ImportMode.SYNC:
        raise ImportRefused(sync_refusal(tally.failed))
    spec = merge_spec(job.pk, given, target_of(job), tally)
    price = price_of(job.embedding_model_provider, job.embedding_model, job.tenant_id)
    plan.refuse_over_budget(spec, given.options, price)
    time = embed_time(
        (job.embedding_model_provider, job.embedding_model),
        given.options,
        tally.tokens,
        lambda: plan.tokens_to_embed(spec)[1],
    )
    found = "" if job.dataset.language else tally.language
    with transaction.atomic():
        if time.is_put_off:
            Chunk.objects.filter(job_id=job.pk).delete()
        IMPORT_JOBS.start_embedding(
            claim,
            notices=[*tally.notices, *time.notices],
            found_language=found,
            puts_off_embedding=time.is_put_off,
        )


@transaction.atomic
def start_over(claim: JobClaim) -> None:
    """Forget an earlier try, unless we are the earlier one: then what is there is not ours."""
    IMPORT_JOBS.renew(claim)
    staging.clear(claim.job_id)
    row_errors.forget(claim.job_id)
    adopt_model(claim)


def _stored(job: ImportJob) -> File[bytes]:
    """The uploaded file.

    Raises:
        FileUnreadable: the storage does not have it any more.
    """
    try:
        return upload_storage().open(job.file_key)
    except FileNotFoundError as gone:
        raise FileUnreadable(
            f"The uploaded file of {job.file_name} is no longer in the storage. "
            "Import the file again."
        ) from gone


@transaction.atomic(savepoint=False)
def _stage_fence(claim: JobClaim, embeds: bool, tally: PrepareStats, chunk: Chunkful) -> None:
    """What goes with a staged chunk in one transaction: the claim, the counts, the problems."""
    IMPORT_JOBS.renew(
        claim,
        file_details=tally.file_details.as_json(),
        notices=tally.notices,
        rows_total=tally.rows,
        rows_failed=tally.failed,
        rows_staged=tally.staged,
        tokens=tally.tokens,
        bytes_read=tally.bytes_read,
    )
    progress_rates.record(claim.job_id)
    row_errors.record(claim.job_id, chunk.problems)
    if embeds and chunk.rows:
        Chunk.objects.create(
            job_id=claim.job_id,
            ordinal=chunk.ordinal,
            first_row=chunk.first_row,
            last_row=chunk.last_row,
        )

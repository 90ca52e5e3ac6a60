"""Takes an import from wherever it stands as far as it goes: the one way all doors lead to.

Safe to call at any time, from any process, twice at once: what is to be done is read from the
job's row, and every piece of work is claimed before it is begun.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from math import inf
from threading import Event
from time import monotonic
from typing import BinaryIO, cast
from uuid import UUID

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import Error, IntegrityError, connection, connections, transaction

from datasets.exceptions import SegmillError
from segments.embedding import Embedder, get_embedder, price_of
from segments.exceptions import (
    ClaimLost,
    EmbeddingFailed,
    EmbeddingUnavailable,
    FileUnreadable,
    ImportCancelled,
    ImportNotFound,
    ImportRefused,
    RowsRefused,
    TargetGone,
)
from segments.hints import hint
from segments.importing import chunks, pipeline, plan, problems, quota, samples, staging, state
from segments.importing.chunks import ChunkClaim
from segments.importing.embed import Place, embed_chunk
from segments.importing.options import ImportOptions
from segments.importing.pipeline import GivenFile, Tally
from segments.importing.publish import merge_full_text, publish
from segments.importing.state import JobClaim
from segments.importing.types import Listener, Progress, RowProblem, Target, nobody
from segments.importing.writer import Chunkful
from segments.models import Chunk, ImportJob, RowError
from segments.models.import_job import ImportMode, ImportStatus, OnError
from segments.models.segment import EXTERNAL_ID_ONCE
from segments.uploads import discard_file

logger = logging.getLogger(__name__)

# How often a watcher hears of progress while other threads or workers embed.
TICK_SECONDS = 0.2
# What is kept of an error that is not the import's own.
ERROR_CHARS = 500


def take_turn(job_id: UUID) -> None:
    """What a worker does for a hint; a hint at an import that is gone is none.

    Embedding ends after `SEGMILL_TURN_SECONDS`, at the end of a chunk: another hint waits
    behind those of other imports by then, so that a small one need not wait for a big one.
    """
    try:
        run(job_id, turn_seconds=settings.SEGMILL_TURN_SECONDS)
    except ImportNotFound as gone:
        logger.info("a hint came to nothing: %s", gone)


def run(
    job_id: UUID, listener: Listener = nobody, *, turn_seconds: float | None = None
) -> ImportJob:
    """Do all that can be done for the import now; its row afterwards.

    With `turn_seconds` no chunk is begun once embedding has taken as long.

    An error that is the import's own ends it as failed, with its reason in the row. Anything
    else (a lost database, what the listener raises) passes through; the work it met is put
    back, to be tried again after a pause, `SEGMILL_MAX_ATTEMPTS` times in all.

    Raises:
        ImportNotFound: there is no such import.
    """
    try:
        _advance(job_id, listener, turn_seconds)
    except (ImportCancelled, ClaimLost) as lost:
        logger.info("import %s: %s", job_id, lost)
    except EmbeddingUnavailable as trouble:
        state.interrupt(job_id, trouble.code, str(trouble))
        quota.call_next(load(job_id).tenant_id)
    except SegmillError as error:
        state.fail(job_id, error.code, str(error))
    return settle(job_id)


def load(job_id: UUID) -> ImportJob:
    """The import as its row says now.

    Raises:
        ImportNotFound: there is no such import.
    """
    job = ImportJob.objects.select_related("document", "dataset").filter(pk=job_id).first()
    if job is None:
        raise ImportNotFound(str(job_id))
    return job


def settle(job_id: UUID) -> ImportJob:
    """The import as its row says now; a finished one leaves nothing staged behind.

    Raises:
        ImportNotFound: there is no such import.
    """
    job = load(job_id)
    if job.is_final and job.tidied_at is None:
        try:
            _tidy(job)
        except (Error, OSError) as trouble:  # its end stands; the next clean-up tidies
            connection.close_if_unusable_or_obsolete()
            logger.warning("import %s ended, but was not tidied: %s", job_id, trouble)
    return job


def forget(gone: ImportJob) -> None:
    """Remove what is left of an import whose row was deleted with its document."""
    staging.clear(gone.pk)
    discard_file(gone.file_key)


def _tidy(job: ImportJob) -> None:
    """Remove what a finished import does not need any more; doing so twice changes nothing."""
    staging.clear(job.pk)
    if job.status == ImportStatus.COMPLETED:
        merge_full_text()
    if not job.background:
        discard_file(job.file_key)
    state.mark_tidied(job.pk)
    quota.call_next(job.tenant_id)


def target_of(job: ImportJob) -> Target:
    """Where the rows of `job` are going."""
    return Target(
        document_id=job.document_id,
        dataset_id=job.dataset_id,
        doc_form=job.document.doc_form,
        text_search_config=job.dataset.text_search_config,
        provider=job.embedding_model_provider,
        model=job.embedding_model,
        tenant_id=job.tenant_id,
    )


def options_of(job: ImportJob) -> ImportOptions:
    """How the file of `job` is read and what it does to its document."""
    return ImportOptions.from_json(job.options | {"mode": job.mode, "on_error": job.on_error})


def _advance(job_id: UUID, listener: Listener, turn_seconds: float | None) -> None:
    state.give_up_if_spent(job_id)
    state.resume(job_id)
    if claim := state.claim_preparing(job_id):
        with _holding(claim):
            _prepare(claim, listener)
    job = load(job_id)
    if job.status == ImportStatus.EMBEDDING:
        _embed(job, listener, turn_seconds)
    if claim := state.claim_publishing(job_id):
        with _holding(claim):
            _publish(claim, listener)


@contextmanager
def _holding(claim: JobClaim) -> Iterator[None]:
    """What an error means for an import whose claim we hold; with the claim lost, nothing."""
    try:
        yield
    except (ImportCancelled, ClaimLost):
        raise
    except SegmillError as error:
        state.fail_held(claim, error.code, str(error))
    except Exception as trouble:
        with _if_the_database_answers():
            state.put_back(claim, _described(trouble))
        raise


@contextmanager
def _holding_chunk(claim: ChunkClaim) -> Iterator[None]:
    """What an error means for a chunk whose claim we hold; with the claim lost, nothing."""
    try:
        yield
    except ClaimLost as lost:
        logger.info("chunk %s of import %s: %s", claim.ordinal, claim.job_id, lost)
    except (ImportCancelled, EmbeddingUnavailable):
        raise
    except SegmillError as error:
        chunks.bury(claim, error.code, str(error))
        raise ClaimLost(f"It has failed: {error}") from error
    except Exception as trouble:
        with _if_the_database_answers():
            chunks.put_back(claim, _described(trouble))
        raise


@contextmanager
def _if_the_database_answers() -> Iterator[None]:
    """For what eases the next try and can be left undone: leases run out by themselves."""
    connection.close_if_unusable_or_obsolete()
    try:
        yield
    except Error as trouble:
        logger.warning("the work is taken up when its lease has run out: %s", trouble)


def _described(trouble: Exception) -> str:
    what = " ".join(str(trouble).split())
    return f"The last time: {type(trouble).__name__}: {what}"[:ERROR_CHARS]


def _prepare(claim: JobClaim, listener: Listener) -> None:
    job = load(claim.job_id)
    _begin_anew(claim)
    fence = partial(_stage_fence, claim, bool(job.embedding_model))
    with _stored(job) as file:
        given = GivenFile(cast("BinaryIO", file), job.file_name, job.file_bytes, options_of(job))
        tally = pipeline.prepare(job.pk, given, target_of(job), fence, listener)
    if not tally.staged or (tally.failed and job.on_error == OnError.ABORT):
        first = min(tally.problems, key=lambda problem: problem.line)
        raise RowsRefused(tally.failed, tally.rows, str(first))
    if tally.failed and job.mode == ImportMode.SYNC:
        raise ImportRefused(
            f"{tally.failed:,} rows are bad, and sync removes what the file does not have: the "
            "segments of those rows would be lost. Mend the rows, or use upsert."
        )
    aim = pipeline.aim_of(job.pk, given, target_of(job), tally)
    price = price_of(job.embedding_model_provider, job.embedding_model, job.tenant_id)
    plan.refuse_over_budget(aim, given.options, price)
    if given.options.map:
        pipeline.remember_columns(job.document_id, tally, given.options)
    state.start_embedding(claim, notices=tally.notices)


@transaction.atomic
def _begin_anew(claim: JobClaim) -> None:
    """Forget an earlier try, unless we are the earlier one: then what is there is not ours."""
    state.renew(claim)
    staging.clear(claim.job_id)
    problems.forget(claim.job_id)


def _stored(job: ImportJob) -> File[bytes]:
    """The uploaded file.

    Raises:
        FileUnreadable: the storage does not have it any more.
    """
    try:
        return default_storage.open(job.file_key)
    except FileNotFoundError as gone:
        raise FileUnreadable(
            f"The uploaded file of {job.file_name} is not in the storage any more. "
            "Import the file again."
        ) from gone


@transaction.atomic(savepoint=False)
def _stage_fence(claim: JobClaim, has_vectors: bool, tally: Tally, chunk: Chunkful) -> None:
    """What goes with a staged chunk in one transaction: the claim, the counts, the problems."""
    state.renew(
        claim,
        source=tally.source.as_json(),
        notices=tally.notices,
        rows_total=tally.rows,
        rows_failed=tally.failed,
        rows_staged=tally.staged,
        tokens=tally.tokens,
        bytes_read=tally.bytes_read,
    )
    samples.record(claim.job_id)
    problems.record(claim.job_id, chunk.problems)
    if has_vectors and chunk.rows:
        Chunk.objects.create(
            job_id=claim.job_id,
            ordinal=chunk.ordinal,
            first_row=chunk.first_row,
            last_row=chunk.last_row,
        )


def _embed(job: ImportJob, listener: Listener, turn_seconds: float | None) -> None:
    """Embed chunks in several threads until none is free: one computes, one waits for Postgres."""
    if not job.embedding_model:
        return
    embedder = get_embedder(job.embedding_model_provider, job.embedding_model, job.tenant_id)
    stop = Event()
    threads = settings.SEGMILL_EMBED_THREADS
    if job.background:
        _call_another_worker(job.pk, threads)
    deadline = monotonic() + turn_seconds if turn_seconds else inf
    with ThreadPoolExecutor(threads, thread_name_prefix="embedding") as pool:
        work = [pool.submit(_embed_chunks, job, embedder, stop, deadline) for _ in range(threads)]
        try:
            _watch(work, lambda: listener(_embedding_progress(job.pk)))
        finally:
            stop.set()
    for future in work:
        future.result()
    _refuse_if_nothing_left(job.pk)


def _refuse_if_nothing_left(job_id: UUID) -> None:
    job = load(job_id)
    if not job.rows_staged:
        first = RowError.objects.filter(job=job).first()
        raise RowsRefused(job.rows_failed, job.rows_total, str(first))


def _watch(work: list[Future[None]], tell: Callable[[], None]) -> None:
    """Tell of progress until all work has ended, or one piece of it has failed."""
    while any(not future.done() for future in work):
        wait(work, timeout=TICK_SECONDS)
        if any(future.done() and future.exception() for future in work):
            return
        tell()


def _call_another_worker(job_id: UUID, threads: int) -> None:
    """Hint at the import if there is more to do than this worker begins at once.

    The next worker does the same. So all that are free join in, on whatever machine, and as
    long as they are all busy one hint waits for the first whose turn ends.
    """
    if chunks.count_free(job_id) > threads:
        hint(job_id)


def _embed_chunks(job: ImportJob, embedder: Embedder, stop: Event, deadline: float) -> None:
    place = Place(job.dataset_id, job.tenant_id)
    # Sync would remove the segments of rows that are left out.
    on_error = OnError.ABORT if job.mode == ImportMode.SYNC else OnError(job.on_error)
    try:
        while not stop.is_set() and (claim := chunks.claim_next(job.pk)):
            with _holding_chunk(claim):
                _refuse_if_spent(claim)
                done = embed_chunk(claim, place, embedder, stop.is_set, on_error)
                if done and done.problems and on_error == OnError.ABORT:
                    _refuse_rows(claim, job, done.problems)
            if monotonic() > deadline:
                return
    finally:
        connections.close_all()


@transaction.atomic
def _refuse_rows(claim: ChunkClaim, job: ImportJob, found: list[RowProblem]) -> None:
    """End the import for rows the model does not take; they are in its report."""
    refusal = RowsRefused(len(found), job.rows_total, str(found[0]))
    if chunks.bury(claim, refusal.code, str(refusal)):
        problems.count_failed(job.pk, found)


def _refuse_if_spent(claim: ChunkClaim) -> None:
    """End the import of a chunk that was tried often enough.

    Raises:
        EmbeddingFailed: it names the lines, and what the last try met.
    """
    if not claim.is_spent:
        return
    first, last = staging.lines_of(claim.job_id, claim.first_row, claim.last_row)
    why = claim.last_error or (
        "The worker was lost each time: one of them may be more than the model can take."
    )
    raise EmbeddingFailed(
        f"The rows on lines {first:,} to {last:,} were tried {claim.attempts - 1} times. {why} "
        "Split the file there and try again."
    )


def _embedding_progress(job_id: UUID) -> Progress:
    job = load(job_id)
    done = job.rows_embedded + job.rows_reused
    return Progress(
        ImportStatus.EMBEDDING, done, done / max(job.rows_staged, 1), reused=job.rows_reused
    )


def _publish(claim: JobClaim, listener: Listener) -> None:
    job = load(claim.job_id)
    listener(Progress(ImportStatus.PUBLISHING, 0))
    try:
        published = publish(claim)
    except IntegrityError as error:
        if EXTERNAL_ID_ONCE not in str(error):
            raise
        raise TargetGone(
            "Another import gave the document segments with the same external ids meanwhile. "
            "Import the file again to see which."
        ) from error
    listener(
        Progress(
            ImportStatus.COMPLETED,
            published.created + published.updated,
            1.0,
            reused=job.rows_reused,
        )
    )

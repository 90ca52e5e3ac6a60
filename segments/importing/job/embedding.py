"""The second step of an import: every chunk that is free is claimed and embedded, in threads."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from math import inf
from multiprocessing.process import BaseProcess
from threading import Event
from time import monotonic
from uuid import UUID

from django.conf import settings
from django.db import connections, transaction

from segments.embedding import Embedder, get_embedder
from segments.exceptions import EmbeddingFailed, RowsRefused
from segments.hints import hint
from segments.importing import chunks, problems, staging
from segments.importing.chunks import ChunkClaim
from segments.importing.embed import Place, embed_chunk
from segments.importing.job.helpers import Stop, can_help, follow, start_helpers
from segments.importing.job.holding import holding_chunk
from segments.importing.job.row import load
from segments.importing.types import Listener, Progress, RowProblem
from segments.models import ImportJob, RowError
from segments.models.import_job import ImportMode, ImportStatus, OnError

logger = logging.getLogger(__name__)

# How often a watcher hears of progress while other threads or workers embed.
TICK_SECONDS = 0.2
# With fewer chunks than this makes, processes end too unevenly to gain anything over threads.
ROWS_A_PROCESS = 10_000


def embed(job: ImportJob, listener: Listener, turn_seconds: float | None) -> None:
    """Embed several chunks at once until none is free, in threads or with helping processes."""
    if not job.embedding_model or job.embeds_later:
        return
    embedder = get_embedder(job.embedding_model_provider, job.embedding_model, job.tenant_id)
    at_once = settings.SEGMILL_EMBED_THREADS
    if job.background:
        _call_another_worker(job.pk, at_once)
    deadline = monotonic() + turn_seconds if turn_seconds else inf
    work = partial(_embed_chunks, job, embedder, deadline)
    helpers = start_helpers(_count_helpers(job, embedder, at_once), work)
    stop = Event()
    with ThreadPoolExecutor(at_once, thread_name_prefix="embedding") as pool:
        tasks = [partial(_work_with, helper, job.pk, work) for helper in helpers]
        tasks += [work] * (at_once - len(helpers))
        futures = [pool.submit(copy_context().run, task, stop.is_set) for task in tasks]
        try:
            _watch(futures, lambda: listener(_embedding_progress(job.pk)))
        finally:
            stop.set()
    for future in futures:
        future.result()
    _refuse_if_nothing_left(job.pk)


def _count_helpers(job: ImportJob, embedder: Embedder, at_once: int) -> int:
    """How many processes are worth it: none for a model that waits more than it computes here."""
    if job.background or not embedder.batching.in_python or not can_help():
        return 0
    processes = min(at_once, chunks.count_free(job.pk), job.rows_staged // ROWS_A_PROCESS)
    return max(processes - 1, 0)


def _work_with(helper: BaseProcess, job_id: UUID, work: Callable[[Stop], None], stop: Stop) -> None:
    """Wait for a helper; if it broke down or hangs, do here what it has left."""
    process = helper.pid or 0
    try:
        if follow(helper, lambda: stop() or chunks.is_overdue(job_id, process)) or stop():
            return
        logger.warning("a process that helped to embed ended with %s", helper.exitcode)
        chunks.free_those_of(job_id, process)
        work(stop)
    finally:
        connections.close_all()


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


def _embed_chunks(job: ImportJob, embedder: Embedder, deadline: float, stop: Stop) -> None:
    place = Place(job.dataset_id, job.tenant_id)
    # Sync would remove the segments of rows that are left out.
    on_error = OnError.ABORT if job.mode == ImportMode.SYNC else OnError(job.on_error)
    try:
        while not stop() and (claim := chunks.claim_next(job.pk)):
            with holding_chunk(claim):
                _refuse_if_spent(claim)
                done = embed_chunk(claim, place, embedder, stop, on_error)
                if done and done.problems and on_error == OnError.ABORT:
                    _refuse_rows(claim, job, done.problems)
                elif done:
                    logger.info("embedded %d rows, reused %d", done.embedded, done.reused)
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

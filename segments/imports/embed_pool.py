"""The second step: claims free chunks and embeds them in threads and helper processes."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from math import inf
from multiprocessing import connection as process_connection
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.process import BaseProcess
from threading import Event
from time import monotonic
from uuid import UUID

from django.db import connections, transaction

from segments.embedding import Embedder, get_embedder
from segments.exceptions import EmbeddingFailed, RowsRefused
from segments.files.options import ImportMode, OnError
from segments.files.types import Listener, Progress, RowProblem
from segments.imports import chunks, row_errors, staging
from segments.imports.chunks import ChunkClaim
from segments.imports.embed import Place, embed_chunk
from segments.imports.state import IMPORT_JOBS
from segments.models import ImportJob, RowError
from segments.models.import_job import ImportStatus

logger = logging.getLogger(__name__)

# How often a helper is checked.
HELPER_TICK_SECONDS = 0.2

Stop = Callable[[], bool]


def can_help() -> bool:
    """Whether this system can safely fork a process with everything it has loaded."""
    return sys.platform == "linux" and "fork" in get_all_start_methods()


def start_helpers(count: int, work: Callable[[Stop], None]) -> list[BaseProcess]:
    """Fork helpers that do `work` and exit; they also exit with this process.

    May start fewer than `count`, if the system refuses more: the work does not depend on them.
    """
    target = partial(_help, work, os.getpid())
    helpers = [get_context("fork").Process(target=target, daemon=True) for _ in range(count)]
    for started, helper in enumerate(helpers):
        try:
            helper.start()
        except OSError as trouble:
            logger.warning("only %d of %d helpers could be started: %s", started, count, trouble)
            return list(helpers[:started])
    return list(helpers)


def follow(helper: BaseProcess, is_enough: Stop) -> bool:
    """Wait for a helper to exit, or kill it once it `is_enough`; True if it succeeded."""
    while not process_connection.wait([helper.sentinel], timeout=HELPER_TICK_SECONDS):
        if is_enough():
            helper.kill()  # open transactions roll back; a stopped process ends too
    helper.join()
    return helper.exitcode == 0


def _help(work: Callable[[Stop], None], parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C: our parent ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A progress bar replaces these, with a lock that its thread may have held during the fork.
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    for connection in connections.all(initialized_only=True):
        connection.connection = None  # our parent's: closing it would close it for both
    work(lambda: os.getppid() != parent)


# How often the listener gets progress while other threads or workers embed.
TICK_SECONDS = 0.2
# With fewer chunks per process, processes finish too unevenly to be faster than threads.
ROWS_A_PROCESS = 10_000
# Chunks that a process embeds at once: one computes while the other waits for PostgreSQL. More
# than there are cores would only use memory.
THREADS = min(2, os.cpu_count() or 1)


def embed(job: ImportJob, listener: Listener, turn_seconds: float | None) -> None:
    """Embed several chunks at once until none is free, in threads or with helper processes."""
    if not job.embedding_model or job.embeds_later:
        return
    embedder = get_embedder(job.embedding_model_provider, job.embedding_model, job.tenant_id)
    at_once = THREADS
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
    """How many helpers are worthwhile: none for a model that runs outside this process."""
    if job.background or not embedder.batching.in_python or not can_help():
        return 0
    processes = min(at_once, chunks.count_free(job.pk), job.rows_staged // ROWS_A_PROCESS)
    return max(processes - 1, 0)


def _work_with(helper: BaseProcess, job_id: UUID, work: Callable[[Stop], None], stop: Stop) -> None:
    """Wait for a helper; if it crashed or hangs, do its remaining work here."""
    process = helper.pid or 0
    try:
        if follow(helper, lambda: stop() or chunks.is_overdue(job_id, process)) or stop():
            return
        logger.warning("an embedding helper process exited with code %s", helper.exitcode)
        chunks.free_those_of(job_id, process)
        work(stop)
    finally:
        connections.close_all()


def _refuse_if_nothing_left(job_id: UUID) -> None:
    job = IMPORT_JOBS.load(job_id)
    if not job.rows_staged:
        first = RowError.objects.filter(job=job).first()
        raise RowsRefused(job.rows_failed, job.rows_total, str(first))


def _watch(work: list[Future[None]], tell: Callable[[], None]) -> None:
    """Report progress until all work has ended, or one piece of it has failed."""
    while any(not future.done() for future in work):
        wait(work, timeout=TICK_SECONDS)
        if any(future.done() and future.exception() for future in work):
            return
        tell()


def _call_another_worker(job_id: UUID, threads: int) -> None:
    """Enqueue the import if it has more free chunks than this worker starts at once.

    The next worker does the same, so every free worker on any machine joins in. While all are
    busy, one message waits for the first to finish its turn.
    """
    if chunks.count_free(job_id) > threads:
        IMPORT_JOBS.enqueue(job_id)


def _embed_chunks(job: ImportJob, embedder: Embedder, deadline: float, stop: Stop) -> None:
    place = Place(job.dataset_id, job.tenant_id)
    # Sync would remove the segments of skipped rows.
    on_error = OnError.ABORT if job.mode == ImportMode.SYNC else OnError(job.on_error)
    try:
        while not stop() and (claim := chunks.claim_next(job.pk)):
            with chunks.holding(claim):
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
    """Fail the import because the model refuses rows; its report lists them."""
    refusal = RowsRefused(len(found), job.rows_total, str(found[0]))
    if chunks.bury(claim, refusal.code, str(refusal)):
        row_errors.count_failed(job.pk, found)


def _refuse_if_spent(claim: ChunkClaim) -> None:
    """Fail the import if the chunk has used up its tries.

    Raises:
        EmbeddingFailed: it names the lines and the last error.
    """
    if not claim.is_spent:
        return
    first, last = staging.lines_of(claim.job_id, claim.first_row, claim.last_row)
    why = claim.last_error or (
        "The worker was lost each time: one of these rows may be too much for the model."
    )
    raise EmbeddingFailed(
        f"The rows on lines {first:,} to {last:,} were tried {claim.attempts - 1} times. {why} "
        "Split the file there and try again."
    )


def _embedding_progress(job_id: UUID) -> Progress:
    job = IMPORT_JOBS.load(job_id)
    done = job.rows_embedded + job.rows_reused
    return Progress(
        ImportStatus.EMBEDDING, done, done / max(job.rows_staged, 1), reused=job.rows_reused
    )

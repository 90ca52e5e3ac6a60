"""Start, run, end and undo imports. The admin, the REST API, commands and programs call these."""

from time import sleep
from typing import IO, BinaryIO

from django.contrib.auth.models import User
from django.db import Error, transaction

from datasets.lookup import as_uuid
from datasets.models import Document
from segments.exceptions import ImportNotFound, StateConflict
from segments.files.options import ImportOptions
from segments.files.types import Listener, Progress, Target, no_progress
from segments.imports import dry_run, foreground, runner, undo
from segments.imports import progress_rates as rates
from segments.imports import submit as submission
from segments.imports.dry_run import DryRun
from segments.imports.prepare import GivenFile
from segments.imports.progress_rates import Rate
from segments.imports.state import IMPORT_JOBS, options_of
from segments.imports.submit import RETRIED_STATUSES, submit
from segments.models import DocumentSegment, ImportJob
from segments.models.import_job import ImportSource, ImportStatus
from segments.progress import ImportProgress, measure
from segments.search.weights import learn_after_change
from segments.signals import import_undone
from segments.uploads import StoredFile, discard_file, is_stored, store_file

# How often a watcher looks; a bar that moves twice a second looks alive.
SECONDS_BETWEEN_LOOKS = 0.5


def check_target(document: Document, options: ImportOptions | None = None) -> None:
    """Refuse a document that takes no segments now, before a file is sent for it.

    Raises:
        ImportRefused: the document does not take segments now, or its model is not available.
    """
    submission.check_target(document, options)


def start_import(
    document: Document,
    file: IO[bytes],
    name: str,
    *,
    source: ImportSource = ImportSource.PROGRAM,
    user: User | None = None,
    options: ImportOptions | None = None,
    background: bool = True,
    idempotency_key: str | None = None,
) -> ImportJob:
    """Accept `file` for `document`: stored, hashed and waiting to be run.

    With `background` a worker is notified in the transaction that creates the job; otherwise
    the caller runs it (`run_in_foreground`), and leftovers of killed callers are removed first.
    If it is refused, nothing is kept, not even the file.

    A repeated background request returns the job of the first: the one with the same key, or
    without a key the unfinished one with the same file, document and options.

    Raises:
        ImportRefused: the document does not take segments now, or its model is not available.
        FileTooLarge: over `SEGMILL_MAX_FILE_BYTES`; nothing is kept.
        IdempotencyConflict: the key was used for another request.
    """
    submission.check_target(document, options)
    if not background:
        foreground.end_imports()
    stored = store_file(file, name)
    try:
        accepted = start_stored_import(
            document,
            stored,
            source=source,
            user=user,
            options=options,
            background=background,
            idempotency_key=idempotency_key,
        )
    except Error:  # perhaps it was committed and only the answer lost: age removes the file
        raise
    except BaseException:
        if not ImportJob.objects.filter(file_key=stored.key).exists():
            discard_file(stored.key)
        raise
    if accepted.file_key != stored.key:
        discard_file(stored.key)
    return accepted


def start_stored_import(
    document: Document,
    stored: StoredFile,
    *,
    source: ImportSource = ImportSource.PROGRAM,
    user: User | None = None,
    options: ImportOptions | None = None,
    background: bool = True,
    idempotency_key: str | None = None,
) -> ImportJob:
    """As `start_import`, for a file that is stored already; it stays stored if this is refused.

    Raises:
        ImportRefused: the document does not take segments now, or its model is not available.
        IdempotencyConflict: the key was used for another request.
    """
    dataset, dimensions = document.dataset, submission.check_target(document, options)
    provider, model = dataset.model
    options = options or ImportOptions()
    return submit(
        ImportJob(
            tenant_id=document.tenant_id,
            dataset=dataset,
            document=document,
            created_by=user,
            source=source,
            background=background,
            file_name=stored.name,
            file_key=stored.key,
            file_sha256=stored.sha256,
            file_bytes=stored.size,
            mode=options.mode,
            on_error=options.on_error,
            options=options.as_json(),
            idempotency_key=idempotency_key,
            embedding_model_provider=provider,
            embedding_model=model,
            embedding_dimensions=dimensions,
        )
    )


def retry_import(
    ended: ImportJob,
    *,
    source: ImportSource = ImportSource.PROGRAM,
    user: User | None = None,
) -> ImportJob:
    """Retry a failed or cancelled import as a new job with the same file and options.

    The old one stays in the history; `retry_of` of the new one names it.

    Raises:
        StateConflict: it did not fail, is being retried already, or its file is no longer
            stored.
        ImportRefused: the document does not take segments now, or its model is not available.
    """
    dimensions = submission.check_target(ended.document, options_of(ended))
    provider, model = ended.dataset.model
    return submit(
        ImportJob(
            retry_of=ended,
            tenant_id=ended.tenant_id,
            dataset=ended.dataset,
            document=ended.document,
            created_by=user,
            source=source,
            file_name=ended.file_name,
            file_key=ended.file_key,
            file_sha256=ended.file_sha256,
            file_bytes=ended.file_bytes,
            mode=ended.mode,
            on_error=ended.on_error,
            options=ended.options,
            embedding_model_provider=provider,
            embedding_model=model,
            embedding_dimensions=dimensions,
        )
    )


def can_retry(ended: ImportJob) -> bool:
    """Whether `retry_import` may be offered: it failed or was cancelled and its file is stored."""
    return ended.status in RETRIED_STATUSES and is_stored(ended.file_key)


def run_in_foreground(started: ImportJob, listener: Listener = no_progress) -> ImportJob:
    """Run an import that was started with `background=False` to its end; Ctrl-C cancels it.

    Raises:
        DatabaseFailed: the database is unreachable, so the end could not even be recorded.
        TargetGone: the document was deleted during the import, and its history with it.
    """
    ended = foreground.run(started, listener)
    if ended.status == ImportStatus.COMPLETED:
        learn_after_change(ended.dataset_id)
    return ended


def cancel_import(started: ImportJob, why: str = "The import was cancelled.") -> ImportJob:
    """End an import; once this returns, nothing of it becomes visible.

    Raises:
        StateConflict: it has ended already, or is being published at this moment.
    """
    IMPORT_JOBS.cancel(started.pk, why)
    return runner.settle(started.pk)


def resume_import(interrupted: ImportJob) -> ImportJob:
    """Resume an interrupted import now, from its last checkpoint; its row afterwards.

    Raises:
        StateConflict: it is not interrupted.
    """
    with transaction.atomic():
        if not IMPORT_JOBS.resume(interrupted.pk, now=True):
            raise StateConflict("The import is not interrupted, so it cannot be resumed.")
        IMPORT_JOBS.enqueue(interrupted.pk)
    return IMPORT_JOBS.load(interrupted.pk)


def resume_in_foreground(interrupted: ImportJob, listener: Listener = no_progress) -> ImportJob:
    """Resume an interrupted import and run it in this process as far as it goes; its row then.

    KeyboardInterrupt and unexpected errors pass through and leave the import to the workers.

    Raises:
        StateConflict: it is not interrupted.
        ImportNotFound: it has been deleted with its document.
    """
    return runner.run(resume_import(interrupted).pk, listener)


def undo_import(completed: ImportJob) -> ImportJob:
    """Remove exactly what an import added; its row afterwards.

    Raises:
        StateConflict: it is not completed, was undone already, or its segments were changed
            or built upon since; the text says which.
    """
    undo.undo(completed.pk)
    undone = IMPORT_JOBS.load(completed.pk)
    import_undone.send_robust(ImportJob, job_id=undone.pk, document_id=undone.document_id)
    return undone


def why_not_undone(completed: ImportJob) -> str:
    """What stands against undoing an import now, for people; empty if nothing does."""
    return undo.standing_against(completed)


def segments_to_undo(completed: ImportJob) -> int:
    """How many segments undoing an import would remove now."""
    return DocumentSegment.objects.filter(import_job=completed).count()


def dry_run_import(
    document: Document,
    file: BinaryIO,
    name: str,
    size: int,
    listener: Listener = no_progress,
    most_rows: int | None = None,
    options: ImportOptions | None = None,
) -> DryRun:
    """What importing `file` into `document` (which may be unsaved) would do; changes nothing.

    Leftovers of dry runs that were killed are removed first. With `most_rows`, only that many
    of its first rows are checked.

    Raises:
        ImportRefused: the document does not take segments now, or its model is not available.
        FileRefused: the file as a whole cannot be read.
    """
    submission.check_target(document, options)
    dataset = document.dataset
    target = Target(
        document_id=document.pk,
        dataset_id=dataset.pk,
        doc_form=document.doc_form,
        text_search_config=dataset.text_search_config,
        provider=dataset.model[0],
        model=dataset.model[1],
        tenant_id=dataset.tenant_id,
        language=dataset.language,
    )
    given = GivenFile(file, name, size, options or ImportOptions(), most_rows)
    foreground.clean_up()
    return dry_run.run_dry(given, target, listener)


def find_import(identifier: str) -> ImportJob:
    """The import whose id `identifier` is.

    Raises:
        ImportNotFound: no import has that id.
    """
    job_id = as_uuid(identifier.strip())
    if job_id is None:
        raise ImportNotFound(identifier)
    return IMPORT_JOBS.load(job_id)


def follow_import(watched: ImportJob, listener: Listener) -> ImportJob:
    """Report the progress of an import that others run until it ends; its row then.

    An interrupted import ends the watching, too, as it may wait for long.

    Raises:
        ImportNotFound: it has been deleted with its document.
    """
    while True:
        now = measure(watched.pk)
        listener(_progress(now))
        if now.is_final or now.status == ImportStatus.INTERRUPTED:
            return IMPORT_JOBS.load(watched.pk)
        sleep(SECONDS_BETWEEN_LOOKS)


def progress_rates(job: ImportJob) -> list[Rate]:
    """Rows per second over the import's life so far, phase by phase, for a chart."""
    return rates.rates(job)


def _progress(now: ImportProgress) -> Progress:
    rows = {
        ImportStatus.PREPARING: now.rows_checked,
        ImportStatus.EMBEDDING: now.rows_embedded + now.rows_reused,
        ImportStatus.COMPLETED: now.rows_published,
    }.get(ImportStatus(now.phase), 0)
    return Progress(now.phase, rows, now.fraction, failed=now.rows_failed, reused=now.rows_reused)

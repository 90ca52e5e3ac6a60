"""What the doors call: the admin, the REST API and the commands start imports here only."""

from typing import IO, BinaryIO

from django.contrib.auth.models import User
from django.db import Error, transaction

from datasets.models import Document
from segments.exceptions import StateConflict
from segments.files.options import ImportOptions
from segments.files.types import Listener, Target, no_progress
from segments.imports import dry_run, foreground, runner, undo
from segments.imports import foreground as abandoned
from segments.imports import submit as submission
from segments.imports.dry_run import DryRun
from segments.imports.prepare import GivenFile
from segments.imports.state import IMPORT_JOBS, options_of
from segments.imports.submit import submit
from segments.models import ImportJob
from segments.models.import_job import ImportSource
from segments.uploads import StoredFile, discard_file, store_file

KEPT_BY_RETRY = (
    "tenant_id",
    "dataset",
    "document",
    "file_name",
    "file_key",
    "file_sha256",
    "file_bytes",
    "mode",
    "on_error",
    "options",
)


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
    door: ImportSource,
    user: User | None = None,
    options: ImportOptions | None = None,
    background: bool = True,
    idempotency_key: str | None = None,
) -> ImportJob:
    """Accept `file` for `document`: stored, hashed and waiting to be run.

    With `background` a worker is told, in the transaction that makes the job; otherwise the
    caller runs it, and what earlier callers that were killed have left is cleaned up first.
    If it is refused, nothing is kept, the file neither.

    A background request that arrives again is answered with the job it has made: the one of
    the same key, or without a key the unfinished one of the same file, document and options.

    Raises:
        ImportRefused: the document does not take segments now, or its model is not to be had.
        FileTooLarge: over `SEGMILL_MAX_FILE_BYTES`; nothing is kept.
        IdempotencyConflict: the key was used for another request.
    """
    submission.check_target(document, options)
    if not background:
        abandoned.end_imports()
    stored = store_file(file, name)
    try:
        accepted = start_stored_import(
            document,
            stored,
            door=door,
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
    door: ImportSource,
    user: User | None = None,
    options: ImportOptions | None = None,
    background: bool = True,
    idempotency_key: str | None = None,
) -> ImportJob:
    """As `start_import`, for a file that is stored already; it stays stored if this is refused.

    Raises:
        ImportRefused: the document does not take segments now, or its model is not to be had.
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
            door=door,
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


def retry_import(ended: ImportJob, *, door: ImportSource, user: User | None = None) -> ImportJob:
    """Start a failed or cancelled import anew, as a new job with the same file and options.

    The old one stays in the history; `retry_of` of the new one names it.

    Raises:
        StateConflict: it did not fail, is being retried already, or its file is not stored
            any more.
        ImportRefused: the document does not take segments now, or its model is not to be had.
    """
    dimensions = submission.check_target(ended.document, options_of(ended))
    again = ImportJob(retry_of=ended, door=door, created_by=user, embedding_dimensions=dimensions)
    for kept in KEPT_BY_RETRY:
        setattr(again, kept, getattr(ended, kept))
    again.embedding_model_provider, again.embedding_model = ended.dataset.model
    return submit(again)


def run_in_foreground(started: ImportJob, listener: Listener = no_progress) -> ImportJob:
    """Run an import whose process nobody replaces, to its end; Ctrl-C cancels it.

    Raises:
        DatabaseFailed: it failed and stays away, so that not even the end could be recorded.
        TargetGone: the document was deleted meanwhile, and the import's history with it.
    """
    return foreground.run(started, listener)


def cancel_import(started: ImportJob, why: str = "The import was cancelled.") -> ImportJob:
    """End an import; once this returns, nothing of it becomes visible.

    Raises:
        StateConflict: it has ended already, or is being published at this moment.
    """
    IMPORT_JOBS.cancel(started.pk, why)
    return runner.settle(started.pk)


def resume_import(interrupted: ImportJob) -> ImportJob:
    """Let an interrupted import go on now, from where it stands; its row afterwards.

    Raises:
        StateConflict: it is not interrupted.
    """
    with transaction.atomic():
        if not IMPORT_JOBS.resume(interrupted.pk, now=True):
            raise StateConflict("The import is not interrupted, so it cannot be resumed.")
        IMPORT_JOBS.enqueue(interrupted.pk)
    return IMPORT_JOBS.load(interrupted.pk)


def undo_import(completed: ImportJob) -> ImportJob:
    """Take back exactly what an import added; its row afterwards.

    Raises:
        StateConflict: it is not completed, was undone already, or its segments were changed
            or built upon since; the text says which.
    """
    undo.undo(completed.pk)
    return IMPORT_JOBS.load(completed.pk)


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

    What earlier ones that were killed have left is cleaned up first.
    With `most_rows` only so many of its first rows are looked at.

    Raises:
        ImportRefused: the document does not take segments now, or its model is not to be had.
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
    abandoned.clean_up()
    return dry_run.run_dry(given, target, listener)

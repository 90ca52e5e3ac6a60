"""Request ─submit─► ImportJob: checks target and quota, and makes one job per request."""

from uuid import UUID

from django.db import IntegrityError, connection, transaction

from datasets.models import Dataset, Document, IndexingStatus
from datasets.text_search import checked_text_search_config
from segments.embedding import embedder_of
from segments.exceptions import (
    DocumentNotAvailable,
    IdempotencyConflict,
    NoEmbeddingModel,
    StateConflict,
)
from segments.files.options import EmbedWhen, ImportOptions
from segments.imports.state import IMPORT_JOBS
from segments.models import ImportJob
from segments.models.import_job import ImportStatus
from segments.progress import mirror_after_commit
from segments.uploads import is_stored


def check_target(document: Document, options: ImportOptions | None = None) -> int | None:
    """Refuse a document that cannot take segments now; returns its vectors' dimensions, if known.

    Asks the model for them if necessary, unless the options defer embedding.

    Raises:
        DocumentNotAvailable: it is disabled, archived, or not completely indexed.
        NoEmbeddingModel: its dataset is high_quality, but its model is not available.
        TextSearchConfigNotFound: the database server does not know its dataset's language.
    """
    if not document.enabled:
        raise DocumentNotAvailable(document.name, "it is disabled", "Enable it first.")
    if document.archived:
        raise DocumentNotAvailable(document.name, "it is archived", "Take it out of the archive.")
    if document.indexing_status != IndexingStatus.COMPLETED:
        why = f"its indexing status is “{document.indexing_status}”"
        raise DocumentNotAvailable(document.name, why, "Wait until it is “completed”.")
    checked_text_search_config(document.dataset.text_search_config)
    return _dimensions(document.dataset, options or ImportOptions())


def _dimensions(dataset: Dataset, options: ImportOptions) -> int | None:
    if not dataset.has_vectors:
        return None
    if not dataset.embedding_model or not dataset.embedding_model_provider:
        raise NoEmbeddingModel(
            f"Dataset “{dataset.name}” is high_quality, but has no embedding model. "
            "Choose one for it, or make it economy."
        )
    embedder = embedder_of(dataset)
    return None if options.embed == EmbedWhen.LATER else embedder.dimensions


def enqueue_next(tenant_id: UUID) -> None:
    """Enqueue the tenant's import that has waited longest: there is room for it now."""
    waiting = ImportJob.objects.filter(
        tenant=tenant_id, background=True, status=ImportStatus.WAITING
    )
    longest = waiting.order_by("created_at").values_list("pk", flat=True).first()
    if longest is not None:
        IMPORT_JOBS.enqueue(longest)


# The first half of the advisory locks that are held while a request is looked up; the second
# half is the document's.
LOCK_CLASS = 0x5E6F
RETRIED_STATUSES = (ImportStatus.FAILED, ImportStatus.CANCELLED)
SAME_BODY = ("document_id", "file_sha256", "mode", "on_error", "options")


@transaction.atomic(durable=True)
def submit(new: ImportJob) -> ImportJob:
    """Save `new` and enqueue it, or return the job that the same request has already made.

    Raises:
        IdempotencyConflict: its key was used for another request.
        StateConflict: it is a retry of an import that cannot be retried now.
    """
    if new.retry_of_id:
        _refuse_retry(new.retry_of_id)
    elif earlier := _earlier(new):
        return earlier
    try:
        with transaction.atomic():
            new.save(force_insert=True)
    except IntegrityError:  # perhaps the same key, for another document at the same time
        if earlier := _of_same_key(new):
            return earlier
        raise
    mirror_after_commit(new.pk)
    if new.background:
        IMPORT_JOBS.enqueue(new.pk)
    return new


def _earlier(new: ImportJob) -> ImportJob | None:
    """The job that the same request has already made, if any."""
    if not new.background:
        return None
    # One request per document at a time. Not by its row, which publishing locks.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK_CLASS, str(new.document_id)]
        )
    return _of_same_key(new) if new.idempotency_key else _of_same_file(new)


def _of_same_key(new: ImportJob) -> ImportJob | None:
    jobs = ImportJob.objects.filter(tenant_id=new.tenant_id, idempotency_key=new.idempotency_key)
    earlier = jobs.first()
    if earlier and any(getattr(earlier, name) != getattr(new, name) for name in SAME_BODY):
        raise IdempotencyConflict(
            f"The idempotency key “{new.idempotency_key}” was used for another request: "
            "another file, document or options. Use a new key for each request."
        )
    return earlier


def _of_same_file(new: ImportJob) -> ImportJob | None:
    unfinished = ImportJob.objects.open().filter(background=True)
    return unfinished.filter(**{name: getattr(new, name) for name in SAME_BODY}).first()


def _refuse_retry(ended_id: UUID) -> None:
    """Lock the import to be retried, so that two retries at once make one job.

    Raises:
        StateConflict: it cannot be retried; the text says why.
    """
    ended = ImportJob.objects.select_for_update(no_key=True).get(pk=ended_id)
    if ended.status not in RETRIED_STATUSES:
        raise StateConflict(
            "Only a failed or cancelled import can be retried; this one is: "
            f"{ended.get_status_display()}."
        )
    if another := ImportJob.objects.open().filter(retry_of=ended).first():
        raise StateConflict(f"It is already being retried, as import {another.pk}.")
    if not is_stored(ended.file_key):
        raise StateConflict("Its file is no longer stored. Import the file again.")

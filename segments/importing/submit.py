"""Request ─submit─► ImportJob: one job for a request, however often it arrives.

A client that got no answer asks again. It is the same request if it carries the same
idempotency key; without a key, if the same file is on its way to the same document already.
"""

from uuid import UUID

from django.db import IntegrityError, connection, transaction

from segments.exceptions import IdempotencyConflict, StateConflict
from segments.hints import hint
from segments.models import ImportJob
from segments.models.import_job import ImportStatus
from segments.progress import mirror_after_commit
from segments.uploads import is_stored

# The first half of the advisory locks that are held while a request is looked up; the second
# is the document's.
LOCK_CLASS = 0x5E6F
RETRIED_STATUSES = (ImportStatus.FAILED, ImportStatus.CANCELLED)
SAME_BODY = ("document_id", "file_sha256", "mode", "on_error", "options")


@transaction.atomic(durable=True)
def submit(new: ImportJob) -> ImportJob:
    """Save `new`, and with it the message to the workers; or the job that the request has had.

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
    except IntegrityError:  # perhaps the same key for another document, in the same moment
        if earlier := _of_same_key(new):
            return earlier
        raise
    mirror_after_commit(new.pk)
    if new.background:
        hint(new.pk)
    return new


def _earlier(new: ImportJob) -> ImportJob | None:
    """The job that the same request has made before."""
    if not new.background:
        return None
    # Requests for one document pass here one by one. Not its row: publishing holds that.
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
            "another file, document or options. Give every request a key of its own."
        )
    return earlier


def _of_same_file(new: ImportJob) -> ImportJob | None:
    unfinished = ImportJob.objects.open().filter(background=True)
    return unfinished.filter(**{name: getattr(new, name) for name in SAME_BODY}).first()


def _refuse_retry(ended_id: UUID) -> None:
    """Lock the import that is to be retried, so that two retries at once are one.

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
        raise StateConflict(f"It is being retried already, as import {another.pk}.")
    if not is_stored(ended.file_key):
        raise StateConflict("Its file is not stored any more. Import the file again.")

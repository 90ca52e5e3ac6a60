"""Undoes a completed import: removes exactly what it added, in one transaction.

Locks the job's row first and the document's second, as publishing does. A concurrent import
publishes either before (then it builds on this one, and the undo is refused) or after, and then
takes its positions from what is left.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from datasets.models import Document
from datasets.wording import how_many
from segments.db.positions import note_with_commit
from segments.exceptions import ImportNotFound, StateConflict
from segments.models import DocumentSegment, ImportJob, ParentSegment
from segments.models.import_job import ImportStatus
from segments.webhooks.events import announce_undo

DELETE = """
    WITH gone AS (
        DELETE FROM segments_documentsegment WHERE import_job_id = %(job)s
        RETURNING word_count, tokens
    )
    SELECT count(*), coalesce(sum(word_count), 0), coalesce(sum(tokens), 0) FROM gone
"""


@dataclass(frozen=True, slots=True)
class Undone:
    """Totals of the rows that were removed."""

    rows: int
    word_count: int
    tokens: int


@transaction.atomic
def undo(job_id: UUID) -> Undone:
    """Remove the segments that the import added, and record the undo in its row.

    Segments that were deleted since do not prevent it.

    Raises:
        ImportNotFound: there is no such import.
        StateConflict: it is not completed, was undone already, changed segments that were
            there before, or its segments were changed or built upon since.
    """
    job = ImportJob.objects.select_for_update(no_key=True).filter(pk=job_id).first()
    if job is None:
        raise ImportNotFound(str(job_id))
    _refuse_unfit(job)
    document = Document.objects.select_for_update(no_key=True).get(pk=job.document_id)
    _refuse_changed(job)
    _refuse_built_upon(job)
    undone = _delete(job)
    ParentSegment.objects.filter(import_job=job).delete()
    Document.objects.filter(pk=document.pk).update(
        segment_count=F("segment_count") - undone.rows,
        word_count=F("word_count") - undone.word_count,
        tokens=F("tokens") - undone.tokens,
        updated_at=Now(),
    )
    note_with_commit(ImportJob._meta.db_table, job.pk, f"undo {job.pk}")
    ImportJob.objects.filter(pk=job.pk).update(undone_at=Now(), revision=F("revision") + 1)
    announce_undo(job.pk)
    return undone


def standing_against(job: ImportJob) -> str:
    """Why `undo` would refuse the import as it is at this moment; empty if it would not."""
    try:
        _refuse_unfit(job)
        _refuse_changed(job)
        _refuse_built_upon(job)
    except StateConflict as conflict:
        return str(conflict)
    return ""


def _refuse_unfit(job: ImportJob) -> None:
    if job.status != ImportStatus.COMPLETED:
        raise StateConflict(
            f"Only a completed import can be undone; this one is: {job.get_status_display()}."
        )
    if job.undone_at:
        raise StateConflict(f"The import was already undone, at {job.undone_at:%Y-%m-%d %H:%M}.")
    if job.rows_updated or job.rows_deleted:
        raise StateConflict(
            f"The import changed {job.rows_updated:,} and removed "
            f"{how_many(job.rows_deleted, 'segment')} that existed before it; "
            "their old content is not kept. Import the earlier file again."
        )


def _refuse_changed(job: ImportJob) -> None:
    changed = DocumentSegment.objects.filter(import_job=job, updated_at__gt=F("created_at"))
    passages = ParentSegment.objects.filter(import_job=job, updated_at__gt=F("created_at"))
    count = changed.count() + passages.count()
    if count:
        places = (found.order_by("position").first() for found in (passages, changed))
        first = next(place.position for place in places if place)
        segments = "segment of it was" if count == 1 else "segments of it were"
        raise StateConflict(
            f"{count:,} {segments} changed since (the first: number {first:,}), and undoing would "
            "lose that. Delete the segments you do not want instead."
        )


def _refuse_built_upon(job: ImportJob) -> None:
    """Refuse if a later import has positions after ours, or skipped rows that we had."""
    later = (
        ImportJob.objects.filter(
            document=job.document_id,
            status=ImportStatus.COMPLETED,
            undone_at__isnull=True,
            finished_at__gte=job.finished_at,
        )
        .exclude(pk=job.pk)
        .order_by("-finished_at")
        .first()
    )
    if later is not None:
        raise StateConflict(
            f"The import of “{later.file_name}” ({later.pk}) came after this one and builds on "
            "it. Undo that one first."
        )
    own = DocumentSegment.objects.filter(import_job=job).order_by("position")
    first = own.values_list("position", flat=True).first()
    after = DocumentSegment.objects.filter(document=job.document_id, position__gt=first or 0)
    if first is not None and after.exclude(import_job=job).exists():
        raise StateConflict(
            "Segments were added to the document after this import. Delete those first."
        )


def _delete(job: ImportJob) -> Undone:
    with connection.cursor() as cursor:
        cursor.execute(DELETE, {"job": job.pk})
        return Undone(*cursor.fetchone())

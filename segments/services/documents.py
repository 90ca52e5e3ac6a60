"""Documents as a whole: listed with what becomes of their texts, switched, deleted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import (
    Case,
    CharField,
    Count,
    F,
    OuterRef,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Now
from django.utils import timezone

from datasets.models import Dataset, DocForm, Document, IndexingStatus
from segments.exceptions import ActionRefused, DocumentArchived, DocumentIndexing
from segments.models import ImportJob, ParentSegment
from segments.models.import_job import ImportStatus

# What the import of a document's text means for the document; a completed one means nothing.
STATUS_BY_IMPORT = {
    ImportStatus.WAITING: IndexingStatus.WAITING,
    ImportStatus.PREPARING: IndexingStatus.SPLITTING,
    ImportStatus.EMBEDDING: IndexingStatus.INDEXING,
    ImportStatus.PUBLISHING: IndexingStatus.INDEXING,
    ImportStatus.INTERRUPTED: IndexingStatus.INDEXING,
    ImportStatus.FAILED: IndexingStatus.ERROR,
    ImportStatus.CANCELLED: IndexingStatus.ERROR,
}


class DocumentAction(StrEnum):
    """What can be done with documents as a whole."""

    ENABLE = "enable"
    DISABLE = "disable"
    ARCHIVE = "archive"
    UNARCHIVE = "un_archive"


@dataclass(frozen=True, slots=True)
class IndexingProgress:
    """How far the segments of a document's text are; times are None until they come."""

    document: Document
    status: str
    error: str | None
    started_at: datetime | None
    split_at: datetime | None
    completed_at: datetime | None
    stopped_at: datetime | None
    completed_segments: int
    total_segments: int


def documents_of(dataset: Dataset) -> QuerySet[Document]:
    """The dataset's documents, each with three annotations, by one query.

    `position` counts them from 1 by their creation. `shown_status` is an IndexingStatus, of the
    import that makes segments of the document's text, if there is one; `error` is why it failed.
    """
    up_to_it = Document.objects.filter(dataset=dataset, created_at__lte=OuterRef("created_at"))
    numbered = up_to_it.order_by().values("dataset").annotate(number=Count("pk")).values("number")
    job = ImportJob.objects.filter(pk=OuterRef("indexing_job"))
    cases = [When(job_status=job, then=Value(mine)) for job, mine in STATUS_BY_IMPORT.items()]
    return (
        Document.objects.filter(dataset=dataset)
        .select_related("created_by")
        .annotate(
            position=Subquery(numbered),
            job_status=Subquery(job.values("status")),
            error=Subquery(job.values("error")),
            shown_status=Case(*cases, default=F("indexing_status"), output_field=CharField()),
        )
    )


def with_passages_counted(documents: Iterable[Document]) -> list[Document]:
    """The documents; the totals of hierarchical ones are those of their passages, as people see.

    What is stored are the totals of their parts. The documents are not to be saved.
    """
    found = list(documents)
    counted = {each.pk: each for each in found if each.doc_form == DocForm.HIERARCHICAL}
    if not counted:
        return found
    passages = ParentSegment.objects.filter(document__in=list(counted)).order_by()
    totals = passages.values("document").annotate(
        segments=Count("pk"), words=Sum("word_count"), model_tokens=Sum("tokens")
    )
    of = {each["document"]: each for each in totals}
    for pk, document in counted.items():
        total = of.get(pk, {"segments": 0, "words": 0, "model_tokens": 0})
        document.segment_count, document.word_count = total["segments"], total["words"]
        document.tokens = total["model_tokens"]
    return found


def indexing_progress(dataset: Dataset, batch: str) -> list[IndexingProgress]:
    """How far the documents of a batch are; empty if there are none."""
    documents = list(documents_of(dataset).filter(batch=batch))
    jobs = ImportJob.objects.in_bulk([document.indexing_job for document in documents])
    return [_progress(document, jobs.get(document.indexing_job)) for document in documents]


def rename_document(document: Document, name: str | None) -> Document:
    """The document under another name; None keeps its own."""
    if name and name != document.name:
        document.name = name
        document.save(update_fields=["name", "updated_at"])
    return document


def delete_document(document: Document) -> None:
    """Delete a document with its segments.

    Raises:
        DocumentArchived: it has to be taken out of the archive first.
        DocumentIndexing: an import into it is open.
    """
    if document.archived:
        raise DocumentArchived
    if ImportJob.objects.open().filter(document=document).exists():
        raise DocumentIndexing("Cannot delete document during indexing.")
    document.delete()


@transaction.atomic
def switch_documents(
    dataset: Dataset, document_ids: Sequence[UUID], action: DocumentAction, user: User | None = None
) -> None:
    """Enable, disable, archive or take out of the archive; all of them, or none.

    What a document is already, it stays.

    Raises:
        ActionRefused: the dataset lacks one of the documents.
        DocumentArchived: one is archived, and is not to be taken out of the archive.
    """
    documents = Document.objects.filter(dataset=dataset, pk__in=document_ids).order_by("pk")
    found = {document.pk: document for document in documents.select_for_update(no_key=True)}
    lacking = [str(document_id) for document_id in document_ids if document_id not in found]
    if lacking:
        raise ActionRefused(f"Document not found: {', '.join(lacking)}.")
    if action in (DocumentAction.ENABLE, DocumentAction.DISABLE) and any(
        document.archived for document in found.values()
    ):
        raise DocumentArchived
    changing = Document.objects.filter(pk__in=found).exclude(**_reached(action))
    changing.update(**_switched(action, user), updated_at=Now())


def _reached(action: DocumentAction) -> dict[str, bool]:
    """What a document is that the action has been done with already."""
    if action in (DocumentAction.ENABLE, DocumentAction.DISABLE):
        return {"enabled": action == DocumentAction.ENABLE}
    return {"archived": action == DocumentAction.ARCHIVE}


def _switched(action: DocumentAction, user: User | None) -> dict[str, Any]:
    """The fields that an action sets. An archived document keeps whether it is enabled."""
    if action == DocumentAction.ENABLE:
        return {"enabled": True, "disabled_at": None, "disabled_by": None}
    if action == DocumentAction.DISABLE:
        return {"enabled": False, "disabled_at": timezone.now(), "disabled_by": user}
    return {"archived": action == DocumentAction.ARCHIVE}


def _progress(document: Any, job: ImportJob | None) -> IndexingProgress:
    """`document` is annotated as those of `documents_of`."""
    if job is None:
        made, count = document.created_at, document.segment_count
        return IndexingProgress(
            document, document.shown_status, None, made, made, made, None, count, count
        )
    is_completed = job.status == ImportStatus.COMPLETED
    ended = job.finished_at
    done = job.rows_staged if is_completed else job.rows_embedded + job.rows_reused
    return IndexingProgress(
        document=document,
        status=document.shown_status,
        error=job.error or None,
        started_at=job.started_at,
        split_at=job.prepared_at,
        completed_at=ended if is_completed else None,
        stopped_at=None if is_completed else ended,
        completed_segments=done,
        total_segments=job.rows_staged,
    )

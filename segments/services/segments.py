"""Lists and changes single segments: text, vector, full text, counts and totals stay in agreement.

New ones are added by `segments.services.new_segments`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from datasets.models import Dataset, DocForm, Document
from segments.embedding import Embedder, Vectors, checked_vectors, get_embedder
from segments.exceptions import (
    DocumentArchived,
    SegmentChanged,
    SegmentDisabled,
    SegmentNotFound,
    SegmentRefused,
    TargetGone,
)
from segments.files.columns import map_columns
from segments.files.types import CountedRow, JSONValue, RawRow, RowProblem
from segments.files.validation import MAX_CELL_CHARS, Rules, validate
from segments.imports.prepare import count
from segments.languages.analysis import index_text, text_of
from segments.models import DocumentSegment
from segments.models.segment import SegmentQuerySet
from segments.models.webhook import WebhookEvent
from segments.services.history import keep_change, keep_deleted
from segments.signals import announce_edit
from segments.webhooks.events import announce_segments

DELETE = """
    WITH gone AS (
        DELETE FROM segments_documentsegment WHERE document_id = %(document)s AND id = ANY(%(ids)s)
        RETURNING word_count, tokens
    )
    SELECT count(*), coalesce(sum(word_count), 0), coalesce(sum(tokens), 0) FROM gone
"""


@dataclass(frozen=True, slots=True)
class NewText:
    """What a segment shall say; `answer` only in a document of questions and answers.

    Without `metadata` the segment keeps its own.
    """

    content: str
    answer: str | None = None
    keywords: list[str] | None = None
    enabled: bool = True
    metadata: Mapping[str, JSONValue] | None = None


@dataclass(frozen=True, slots=True)
class PreparedEdit:
    """A checked change of a segment, with the new vector if the content is a new one."""

    segment_id: UUID
    document_id: UUID
    text: NewText
    counted: CountedRow
    model: tuple[str, str]
    vector: Vectors | None
    if_match: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentChanges:
    """What shall be different about a segment; None stays as it is."""

    content: str | None = None
    answer: str | None = None
    keywords: list[str] | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFilter:
    """Which segments of a document are wanted; what is left empty does not matter.

    `keyword` stands in the content, the answer or one of the keywords, in any case.
    """

    keyword: str = ""
    statuses: Sequence[str] = ()
    enabled: bool | None = None
    least_hits: int = 0


def segments_of(document: Document, wanted: SegmentFilter) -> SegmentQuerySet:
    """The document's segments that `wanted` describes, in their order."""
    found = DocumentSegment.objects.without_vectors().filter(document=document)
    if wanted.keyword:
        found = found.filter(_has_keyword(wanted.keyword))
    if wanted.statuses:
        found = found.filter(status__in=wanted.statuses)
    if wanted.enabled is not None:
        found = found.filter(enabled=wanted.enabled)
    if wanted.least_hits:
        found = found.filter(hit_count__gte=wanted.least_hits)
    return found.order_by("position")


def _has_keyword(keyword: str) -> Q:
    return (
        Q(content__icontains=keyword)
        | Q(answer__icontains=keyword)
        | Q(keywords__icontains=keyword)
    )


def etag_of(segment: Any) -> str:
    """Names this state of the segment: another one after every change, the same otherwise."""
    return f'"{int(segment.updated_at.timestamp() * 1_000_000):x}"'


def change_segment(
    segment: DocumentSegment,
    changes: SegmentChanges,
    user: User | None = None,
    *,
    if_match: Sequence[str] = (),
) -> None:
    """Change some parts of a segment as `update_segment` does, and leave the others.

    With `if_match` only if one of these is its `etag_of` until the change is stored.

    Raises:
        SegmentChanged: none of them is.
        DocumentArchived: its document takes no changes.
        SegmentDisabled: it is disabled, and is not to be enabled.
        SegmentNotFound, SegmentRefused, EmbeddingFailed, TargetGone: as `update_segment`.
    """
    if segment.document.archived:
        raise DocumentArchived
    if not segment.enabled and not changes.enabled and changes != SegmentChanges(enabled=False):
        raise SegmentDisabled
    is_on = segment.enabled if changes.enabled is None else changes.enabled
    text = NewText(
        content=segment.content if changes.content is None else changes.content,
        answer=segment.answer if changes.answer is None else changes.answer,
        keywords=segment.keywords if changes.keywords is None else changes.keywords,
        enabled=is_on,
    )
    apply_edit(replace(prepare_edit(segment.pk, text), if_match=tuple(if_match)), user)


def update_segment(segment_id: UUID, text: NewText, user: User | None = None) -> None:
    """Change a segment: checked as a row of a file is, re-embedded if its content changed.

    Raises:
        SegmentNotFound: there is no such segment.
        SegmentRefused: the text breaks a rule; the error lists all that is wrong with it.
        EmbeddingFailed: the model gave no usable vector.
        TargetGone: the dataset's model or the segment has changed.
    """
    apply_edit(prepare_edit(segment_id, text), user)


def prepare_edit(segment_id: UUID, text: NewText) -> PreparedEdit:
    """Check and embed the change, with no transaction open while the model runs.

    Raises:
        SegmentNotFound, SegmentRefused, EmbeddingFailed: as `update_segment`.
    """
    segment = _load(segment_id)
    dataset = segment.document.dataset
    model = (dataset.embedding_model_provider, dataset.embedding_model)
    embedder = get_embedder(*model, dataset.tenant_id) if dataset.has_vectors else None
    counted = _checked(text, segment.document, embedder)
    vector = None
    if embedder and counted.content_hash != segment.index_node_hash:
        vector = checked_vectors(embedder.embed_passages([text.content]), 1, embedder.dimensions)
    return PreparedEdit(segment.pk, segment.document_id, text, counted, model, vector)


@transaction.atomic
def apply_edit(edit: PreparedEdit, user: User | None = None) -> None:
    """Store the change and move the document's totals by the difference.

    Raises:
        TargetGone: the dataset's model or the segment changed since the edit was prepared.
    """
    _lock_model(edit.document_id)
    document = _locked_document(edit.document_id)
    segments = DocumentSegment.objects.filter(pk=edit.segment_id)
    old = segments.without_vectors().first()
    dataset = Dataset.objects.get(pk=document.dataset_id)
    if old is None or edit.model != (dataset.embedding_model_provider, dataset.embedding_model):
        raise TargetGone("The segment or its dataset's model has just changed. Edit it again.")
    if edit.if_match and etag_of(old) not in edit.if_match:
        raise SegmentChanged
    if edit.vector is None and dataset.has_vectors:
        _refuse_other_content(old, edit)
    new = edit.counted.segment
    words = len(new.content) + len(new.answer or "")
    metadata = old.metadata if edit.text.metadata is None else dict(edit.text.metadata)
    segments.update(
        content=new.content,
        answer=new.answer,
        search_text=index_text(text_of(new.content, new.answer), dataset.language),
        keywords=edit.text.keywords,
        metadata=metadata,
        word_count=words,
        tokens=edit.counted.tokens,
        index_node_hash=edit.counted.content_hash,
        updated_at=Now(),
        updated_by=user,
        **_switched(old, on=edit.text.enabled, user=user),
    )
    if edit.vector is not None:
        segments.update(embedding=edit.vector[0])
    _move_totals(document, 0, words - old.word_count, edit.counted.tokens - old.tokens)
    keep_change(old, user)
    announce_edit(document.pk, [edit.segment_id])
    announce_segments(WebhookEvent.SEGMENTS_CHANGED, document, [old.parent_id or old.pk])


@transaction.atomic
def delete_segments(
    segment_ids: Iterable[UUID], user: User | None = None, *, tells_webhooks: bool = True
) -> int:
    """Remove segments and what they count in their documents' totals; how many there were.

    Their history keeps what they said. The others keep their positions: a number that a reader
    has noted never means another text. Of the parts of a passage webhooks hear that it changed.
    """
    ids = list(segment_ids)
    of_segments = DocumentSegment.objects.filter(pk__in=ids)
    documents = of_segments.order_by("document_id").values_list("document_id", flat=True).distinct()
    deleted = [_delete_of(document_id, ids, user) for document_id in list(documents)]
    if tells_webhooks:
        for document, gone in deleted:
            _tell_deleted(document, gone)
    return sum(len(gone) for _, gone in deleted)


Gone = dict[UUID, UUID | None]
"""Segments that were deleted, each with its passage if it was a part of one."""


def _tell_deleted(document: Document, gone: Gone) -> None:
    if whole := [segment for segment, passage in gone.items() if passage is None]:
        announce_segments(WebhookEvent.SEGMENTS_DELETED, document, whole)
    if passages := {passage for passage in gone.values() if passage is not None}:
        announce_segments(WebhookEvent.SEGMENTS_CHANGED, document, passages)


def _delete_of(document_id: UUID, ids: list[UUID], user: User | None) -> tuple[Document, Gone]:
    document = _locked_document(document_id)
    present = DocumentSegment.objects.filter(document=document_id, pk__in=ids)
    gone: Gone = dict(present.values_list("pk", "parent_id"))
    keep_deleted(present, user)
    with connection.cursor() as cursor:
        cursor.execute(DELETE, {"document": document_id, "ids": list(gone)})
        rows, word_count, tokens = cursor.fetchone()
    _move_totals(document, -rows, -word_count, -tokens)
    announce_edit(document_id, list(gone), deleted=True)
    return document, gone


def _load(segment_id: UUID) -> DocumentSegment:
    segments = DocumentSegment.objects.without_vectors().select_related("document__dataset")
    segment = segments.filter(pk=segment_id).first()
    if segment is None:
        raise SegmentNotFound(str(segment_id))
    return segment


def _checked(text: NewText, document: Document, embedder: Embedder | None) -> CountedRow:
    """`text` under the rules for a row of a file for the document.

    Raises:
        SegmentRefused: it breaks some.
    """
    names = ["content", "answer"] if document.doc_form == DocForm.QA else ["content"]
    columns = map_columns(names, 1, document.doc_form)
    cells = (text.content, text.answer or "")[: len(names)]
    row = validate(RawRow(1, cells), Rules(columns, MAX_CELL_CHARS))
    if isinstance(row, list):
        raise SegmentRefused(row)
    counted = count(row, embedder)
    if isinstance(counted, RowProblem):
        raise SegmentRefused([counted])
    return counted


def _lock_model(document_id: UUID) -> None:
    """Keep the dataset's model unchanged until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM datasets_dataset WHERE id = "
            "(SELECT dataset_id FROM datasets_document WHERE id = %s) FOR SHARE",
            [document_id],
        )


def _locked_document(document_id: UUID) -> Document:
    """The document, locked against other moves of its totals.

    Raises:
        TargetGone: it was deleted.
    """
    document = Document.objects.select_for_update(no_key=True).filter(pk=document_id).first()
    if document is None:
        raise TargetGone("The document has just been deleted.")
    return document


def _refuse_other_content(old: DocumentSegment, edit: PreparedEdit) -> None:
    """The vector is only kept where the stored content is the one it was made from."""
    if old.index_node_hash != edit.counted.content_hash:
        raise TargetGone("The segment has just been changed. Edit it again.")


def _switched(old: DocumentSegment, *, on: bool, user: User | None) -> dict[str, object]:
    """The fields that say since when and by whom a segment is switched off."""
    if on:
        return {"enabled": True, "disabled_at": None, "disabled_by": None}
    if not old.enabled:
        return {}
    return {"enabled": False, "disabled_at": Now(), "disabled_by": user}


def _move_totals(document: Document, rows: int, word_count: int, tokens: int) -> None:
    Document.objects.filter(pk=document.pk).update(
        segment_count=F("segment_count") + rows,
        word_count=F("word_count") + word_count,
        tokens=F("tokens") + tokens,
        updated_at=Now(),
    )

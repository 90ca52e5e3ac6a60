"""Passages of hierarchical documents and their parts: listed, added, changed, deleted.

A passage is what people see as the segment; its parts are segments like others, found by search.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max, Prefetch, Q, QuerySet
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from datasets.models import Document
from segments.embedding import embedder_of
from segments.embedding.tokens import count_tokens
from segments.exceptions import (
    DocumentArchived,
    SegmentChanged,
    SegmentDisabled,
    SegmentsRefused,
    TargetGone,
)
from segments.files.columns import map_columns
from segments.files.options import ImportOptions, ParentMode
from segments.files.splitting import Measure
from segments.files.types import RawRow
from segments.files.validation import MAX_CELL_CHARS, Rules, validate
from segments.imports.parents import child_texts, content_hash
from segments.models import DocumentSegment, ImportJob, ParentSegment
from segments.models.import_job import ImportStatus
from segments.models.webhook import WebhookEvent
from segments.services.new_segments import (
    NewSegment,
    PreparedSegments,
    add_segments,
    prepare_segments,
    publish_segments,
)
from segments.services.segments import (
    SegmentChanges,
    SegmentFilter,
    change_segment,
    delete_segments,
    etag_of,
)
from segments.webhooks.events import announce_segments


def parents_of(document: Document, wanted: SegmentFilter) -> QuerySet[ParentSegment]:
    """The passages of a hierarchical document that `wanted` describes, in their order.

    Each has its parts (`children`), unless it is the whole document.
    """
    found = ParentSegment.objects.filter(document=document)
    if wanted.keyword:
        has_it = Q(content__icontains=wanted.keyword) | Q(keywords__icontains=wanted.keyword)
        found = found.filter(has_it)
    if wanted.statuses and ParentSegment.status not in wanted.statuses:
        found = found.none()
    if wanted.enabled is not None:
        found = found.filter(enabled=wanted.enabled)
    if wanted.least_hits:
        found = found.filter(hit_count__gte=wanted.least_hits)
    if rules_of(document).parent_mode != ParentMode.FULL_DOC:
        found = with_parts(found)
    return found.order_by("position")


def with_parts(passages: QuerySet[ParentSegment]) -> QuerySet[ParentSegment]:
    """The same passages, each with `parts`, by one more query."""
    parts = DocumentSegment.objects.without_vectors().order_by("position")
    return passages.prefetch_related(Prefetch("children", parts, to_attr="parts"))


def children_of(parent: ParentSegment, keyword: str = "") -> QuerySet[DocumentSegment]:
    """The parts of a passage in their order."""
    parts = DocumentSegment.objects.without_vectors().filter(parent=parent)
    return parts.filter(content__icontains=keyword).order_by("position")


def segments_or_parents(ids: Sequence[UUID]) -> dict[UUID, Any]:
    """Segments and passages with their documents, by their ids."""
    segments = DocumentSegment.objects.without_vectors().select_related("document__created_by")
    found: dict[UUID, Any] = segments.in_bulk(ids)
    if lacking := [each for each in ids if each not in found]:
        passages = ParentSegment.objects.select_related("document__created_by")
        found |= passages.in_bulk(lacking)
    return found


def rules_of(document: Document) -> ImportOptions:
    """How the passages of the document were cut last, for those that come by hand."""
    jobs = ImportJob.objects.filter(document=document, status=ImportStatus.COMPLETED)
    stored = jobs.order_by("-finished_at").values_list("options", flat=True).first()
    return ImportOptions.from_json(stored or {})


def add_parents(
    document: Document, wanted: Sequence[NewSegment], user: User | None = None
) -> list[ParentSegment]:
    """Add passages at the end of the document, cut into parts: all of them, or none.

    Raises:
        DocumentNotAvailable, NoEmbeddingModel, SegmentsRefused, EmbeddingFailed, TargetGone: as
            `add_segments`.
    """
    options, measure = rules_of(document), _measure(document)
    passages = [_passage(document, new, measure, user) for new in wanted]
    prepared = prepare_segments(
        document,
        [
            part
            for passage in passages
            for part in _parts(passage, child_texts(passage.content, options, measure))
        ],
    )
    with transaction.atomic():
        publish_segments(document, prepared, user, tells_webhooks=False)
        last = ParentSegment.objects.filter(document=document).aggregate(last=Max("position"))
        for number, passage in enumerate(passages, (last["last"] or 0) + 1):
            passage.position = number
        ParentSegment.objects.bulk_create(passages)
        added = [passage.pk for passage in passages]
        announce_segments(WebhookEvent.SEGMENTS_ADDED, document, added)
    made = with_parts(ParentSegment.objects.filter(pk__in=[passage.pk for passage in passages]))
    return list(made.order_by("position"))


@dataclass(frozen=True, slots=True)
class PreparedParent:
    """A change of a passage that was checked; `parts` are its new ones, if it gets some."""

    parent: ParentSegment
    checked: ParentSegment
    changes: SegmentChanges
    parts: PreparedSegments | None


def change_parent(
    parent: ParentSegment,
    changes: SegmentChanges,
    user: User | None = None,
    *,
    regenerates_parts: bool = False,
    if_match: Sequence[str] = (),
) -> None:
    """Change some fields of a passage; with `regenerates_parts` it is cut into parts again.

    Otherwise its parts stay, whatever its text. With `if_match`, the passage has to be in one of
    these states (`etag_of`) at the moment of the change.

    Raises:
        SegmentChanged: it is in another state.
        DocumentArchived: its document takes no changes.
        SegmentDisabled: it is disabled, and is not to be enabled.
        SegmentsRefused, EmbeddingFailed, TargetGone: as `add_segments`.
    """
    prepared = prepare_parent(parent, changes, user, regenerates_parts=regenerates_parts)
    apply_parent(prepared, user, if_match)


def prepare_parent(
    parent: ParentSegment,
    changes: SegmentChanges,
    user: User | None = None,
    *,
    regenerates_parts: bool = False,
) -> PreparedParent:
    """Check a change, and embed new parts, with no transaction open while the model runs.

    Raises:
        DocumentArchived, SegmentDisabled, SegmentsRefused, EmbeddingFailed: as `change_parent`.
    """
    document = parent.document
    if document.archived:
        raise DocumentArchived
    if not parent.enabled and not changes.enabled and changes != SegmentChanges(enabled=False):
        raise SegmentDisabled
    measure = _measure(document)
    text = parent.content if changes.content is None else changes.content
    checked = _passage(document, NewSegment(content=text), measure, user)
    if not regenerates_parts:
        return PreparedParent(parent, checked, changes, None)
    texts = child_texts(checked.content, rules_of(document), measure)
    is_on = parent.enabled if changes.enabled is None else changes.enabled
    again = replace(NewSegment(content=text, metadata=parent.metadata), enabled=is_on)
    parts = [replace(again, content=part, parent_id=parent.pk) for part in texts]
    return PreparedParent(parent, checked, changes, prepare_segments(document, parts))


@transaction.atomic
def apply_parent(
    prepared: PreparedParent, user: User | None = None, if_match: Sequence[str] = ()
) -> None:
    """Store a prepared change.

    Raises:
        SegmentChanged, TargetGone: as `change_parent`.
    """
    parent, document = prepared.parent, prepared.parent.document
    _refuse_changed(parent, if_match)
    _store(parent, prepared.checked, prepared.changes, user)
    if prepared.parts:
        old = children_of(parent).values_list("pk", flat=True)
        delete_segments(old, user, tells_webhooks=False)
        publish_segments(document, prepared.parts, user, tells_webhooks=False)
    announce_segments(WebhookEvent.SEGMENTS_CHANGED, document, [parent.pk])


def _refuse_changed(parent: ParentSegment, if_match: Sequence[str]) -> None:
    """Lock the passage until the transaction ends, and its document, as every writer does.

    Raises:
        SegmentChanged, TargetGone: it is in another state than one of `if_match`, or is gone.
    """
    Document.objects.select_for_update(no_key=True).filter(pk=parent.document_id).first()
    now = ParentSegment.objects.select_for_update(no_key=True).filter(pk=parent.pk).first()
    if now is None:
        raise TargetGone("The segment has just been deleted.")
    if if_match and etag_of(now) not in if_match:
        raise SegmentChanged


def _store(
    parent: ParentSegment, checked: ParentSegment, changes: SegmentChanges, user: User | None
) -> None:
    fields: dict[str, Any] = {
        "content": checked.content,
        "word_count": checked.word_count,
        "tokens": checked.tokens,
        "index_node_hash": checked.index_node_hash,
        "updated_at": Now(),
        "updated_by": user,
    }
    if changes.keywords is not None:
        fields["keywords"] = changes.keywords
    if changes.enabled is not None and changes.enabled != parent.enabled:
        switched = {
            "enabled": changes.enabled,
            "disabled_at": None if changes.enabled else Now(),
            "disabled_by": None if changes.enabled else user,
        }
        fields |= switched
        DocumentSegment.objects.filter(parent=parent).update(**switched)
    ParentSegment.objects.filter(pk=parent.pk).update(**fields)


@transaction.atomic
def delete_parents(document: Document, ids: Iterable[UUID]) -> None:
    """Delete passages of the document with their parts. The others keep their positions."""
    passages = ParentSegment.objects.filter(document=document, pk__in=list(ids))
    gone = list(passages.values_list("pk", flat=True))
    parts = DocumentSegment.objects.filter(parent__in=gone).values_list("pk", flat=True)
    delete_segments(parts, tells_webhooks=False)
    passages.delete()
    announce_segments(WebhookEvent.SEGMENTS_DELETED, document, gone)


def add_child(parent: ParentSegment, content: str, user: User | None = None) -> DocumentSegment:
    """Add a part that the passage is found by, too.

    Raises:
        DocumentArchived, SegmentDisabled: the passage takes no changes.
        SegmentsRefused, EmbeddingFailed, TargetGone: as `add_segments`.
    """
    _refuse_unchangeable(parent)
    part = NewSegment(content=content, metadata=parent.metadata, parent_id=parent.pk)
    return add_segments(parent.document, [part], user)[0]


def change_child(child: DocumentSegment, content: str, user: User | None = None) -> None:
    """Change the text of a part.

    Raises:
        DocumentArchived, SegmentDisabled: the passage takes no changes.
        SegmentRefused, EmbeddingFailed, TargetGone: as `change_segment`.
    """
    change_segment(child, SegmentChanges(content=content), user)


def delete_child(child: DocumentSegment) -> None:
    """Delete a part.

    Raises:
        DocumentArchived: its document takes no changes.
    """
    if child.document.archived:
        raise DocumentArchived
    delete_segments([child.pk])


def _refuse_unchangeable(parent: ParentSegment) -> None:
    if parent.document.archived:
        raise DocumentArchived
    if not parent.enabled:
        raise SegmentDisabled


def _measure(document: Document) -> Measure:
    if not document.dataset.has_vectors:
        return Measure(count_tokens)
    embedder = embedder_of(document.dataset)
    return Measure(embedder.count_tokens, embedder.token_limit)


def _passage(
    document: Document, new: NewSegment, measure: Measure, user: User | None
) -> ParentSegment:
    """A passage that is not saved yet.

    Raises:
        SegmentsRefused: its text breaks a rule for rows of a file.
    """
    columns = map_columns(["content"], 1, document.doc_form)
    row = validate(RawRow(1, (new.content,)), Rules(columns, MAX_CELL_CHARS))
    if isinstance(row, list):
        raise SegmentsRefused(row)
    return ParentSegment(
        id=uuid7(),
        tenant_id=document.tenant_id,
        dataset_id=document.dataset_id,
        document_id=document.pk,
        content=row.content,
        word_count=len(row.content),
        tokens=measure.count(row.content),
        keywords=new.keywords,
        external_id=new.external_id,
        metadata=dict(new.metadata),
        index_node_hash=content_hash(row.content),
        enabled=new.enabled,
        disabled_at=None,
        created_by=user,
    )


def _parts(passage: ParentSegment, texts: Iterable[str]) -> list[NewSegment]:
    return [
        NewSegment(
            content=text,
            metadata=passage.metadata,
            enabled=passage.enabled,
            parent_id=passage.pk,
        )
        for text in texts
    ]

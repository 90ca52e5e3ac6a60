"""Changes of many segments at once, and ways back: all of them, or none, each with its history."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from enum import StrEnum
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from datasets.models import DocForm, Document
from segments.exceptions import ActionRefused
from segments.files.types import JSONValue
from segments.models import DocumentSegment, SegmentChange
from segments.models.webhook import WebhookEvent
from segments.services.history import keep_changes, state_of
from segments.services.new_segments import NewSegment, add_segments
from segments.services.segments import NewText, update_segment
from segments.signals import announce_edit
from segments.webhooks.events import announce_segments

ROWS_A_STATEMENT = 500


class KeywordsAction(StrEnum):
    """What becomes of the keywords that segments have."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


Edit = Callable[[DocumentSegment], None]


def switch_segments(segment_ids: Iterable[UUID], *, on: bool, user: User | None = None) -> int:
    """Switch segments on or off; how many were not so already."""

    def switch(segment: DocumentSegment) -> None:
        if segment.enabled != on:
            segment.enabled = on
            segment.disabled_by = None if on else user

    return _edited(segment_ids, switch, user)


def set_keywords(
    segment_ids: Iterable[UUID],
    keywords: Sequence[str],
    action: KeywordsAction,
    user: User | None = None,
) -> int:
    """Add, remove or replace keywords of segments; how many were changed."""
    wanted = list(dict.fromkeys(word for each in keywords if (word := each.strip())))

    def change(segment: DocumentSegment) -> None:
        segment.keywords = _keywords(segment.keywords or [], wanted, action) or None

    return _edited(segment_ids, change, user)


def _keywords(known: list[str], wanted: list[str], action: KeywordsAction) -> list[str]:
    if action == KeywordsAction.REPLACE:
        return wanted
    if action == KeywordsAction.REMOVE:
        return [word for word in known if word not in wanted]
    return list(dict.fromkeys([*known, *wanted]))


def set_metadata(
    segment_ids: Iterable[UUID],
    changes: Mapping[str, JSONValue],
    user: User | None = None,
) -> int:
    """Set values of metadata by their names, None takes one away; how many were changed.

    Raises:
        ActionRefused: a name is blank.
    """
    if not all(name.strip() for name in changes):
        raise ActionRefused("A value of metadata needs a name.")

    def change(segment: DocumentSegment) -> None:
        merged = {**segment.metadata, **changes}
        segment.metadata = {name: each for name, each in merged.items() if each is not None}

    return _edited(segment_ids, change, user)


@transaction.atomic
def _edited(segment_ids: Iterable[UUID], edit: Edit, user: User | None) -> int:
    """Change segments by `edit`, document by document; how many differ afterwards."""
    ids = list(segment_ids)
    chosen = DocumentSegment.objects.filter(pk__in=ids)
    documents = chosen.order_by("document_id").values_list("document_id", flat=True).distinct()
    return sum(_edited_of(document_id, ids, edit, user) for document_id in list(documents))


def _edited_of(document_id: UUID, ids: list[UUID], edit: Edit, user: User | None) -> int:
    # Publishes take this lock first, too: neither waits for rows that the other has locked.
    document = Document.objects.select_for_update(no_key=True).get(pk=document_id)
    segments = DocumentSegment.objects.without_vectors().filter(document=document_id, pk__in=ids)
    pairs = [(old, copy(old)) for old in segments]
    for _, new in pairs:
        edit(new)
    changed = [(old, new) for old, new in pairs if state_of(old) != state_of(new)]
    if changed:
        _store([new for _, new in changed], user)
        keep_changes(changed, user)
        announce_edit(document_id, [new.pk for _, new in changed])
        told = {new.parent_id or new.pk for _, new in changed}
        announce_segments(WebhookEvent.SEGMENTS_CHANGED, document, told)
    return len(changed)


def _store(segments: Sequence[DocumentSegment], user: User | None) -> None:
    ids = [segment.pk for segment in segments]
    DocumentSegment.objects.bulk_update(
        segments, ["enabled", "disabled_by", "keywords", "metadata"], ROWS_A_STATEMENT
    )
    of_these = DocumentSegment.objects.filter(pk__in=ids)
    of_these.update(updated_at=Now(), updated_by=user)
    of_these.filter(enabled=True).update(disabled_at=None)
    of_these.filter(enabled=False, disabled_at=None).update(disabled_at=Now())


def restore(change: SegmentChange, user: User | None = None) -> UUID:
    """Bring back what a segment said before `change`; its id.

    One that was deleted is added at the end of its document, as a new segment.

    Raises:
        SegmentRefused, SegmentsRefused: the old text breaks a rule, as of another kind of
            document.
        EmbeddingFailed, TargetGone, DocumentNotAvailable: as `update_segment`, `add_segments`.
    """
    before = change.before
    if DocumentSegment.objects.filter(pk=change.segment_id).exists():
        update_segment(change.segment_id, NewText(**before), user)
        return change.segment_id
    document = Document.objects.select_related("dataset").get(pk=change.document_id)
    if document.doc_form != DocForm.QA:
        before = before | {"answer": None}
    (added,) = add_segments(document, [NewSegment(**before)], user)
    return added.pk

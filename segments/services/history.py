"""What became of segments: kept with every change, read back as old and new text."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from re import findall
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from datasets.models import Document
from segments.models import DocumentSegment, SegmentChange
from segments.models.curation import ChangeKind

PARTS = ("content", "answer", "keywords", "metadata", "enabled")
LABELS = {
    "content": "Text",
    "answer": "Answer",
    "keywords": "Keywords",
    "metadata": "Metadata",
    "enabled": "Switched on",
}
ROWS_A_STATEMENT = 500
# Texts that differ more are shown as a whole: word by word they would take seconds to compare.
WORDS_COMPARED = 4_000


def state_of(segment: DocumentSegment) -> dict[str, Any]:
    """The parts of a segment that can be changed."""
    return {part: getattr(segment, part) for part in PARTS}


def keep_change(old: DocumentSegment, user: User | None) -> None:
    """Note how the stored segment differs from `old`; nothing if it does not."""
    new = DocumentSegment.objects.without_vectors().get(pk=old.pk)
    keep_changes([(old, new)], user)


def keep_changes(
    pairs: Iterable[tuple[DocumentSegment, DocumentSegment]], user: User | None
) -> None:
    """Note how segments differ from what they were, each as (old, new)."""
    SegmentChange.objects.bulk_create(
        (
            _change(new, user, _kind(before, after), before, after)
            for old, new in pairs
            if (before := state_of(old)) != (after := state_of(new))
        ),
        ROWS_A_STATEMENT,
    )


def keep_deleted(segments: QuerySet[DocumentSegment], user: User | None) -> None:
    """Note what segments say that are about to be deleted."""
    known = segments.only("document_id", "position", *PARTS)
    SegmentChange.objects.bulk_create(
        (
            _change(each, user, ChangeKind.DELETED, state_of(each), None)
            for each in known.iterator(ROWS_A_STATEMENT)
        ),
        ROWS_A_STATEMENT,
    )


def _change(
    segment: DocumentSegment,
    user: User | None,
    kind: ChangeKind,
    before: dict[str, Any],
    after: dict[str, Any] | None,
) -> SegmentChange:
    return SegmentChange(
        document_id=segment.document_id,
        segment_id=segment.pk,
        position=segment.position,
        kind=kind,
        before=before,
        after=after,
        changed_by=user,
    )


def _kind(before: dict[str, Any], after: dict[str, Any]) -> ChangeKind:
    """Switched, if that is all that was changed."""
    if before | {"enabled": None} != after | {"enabled": None}:
        return ChangeKind.EDITED
    return ChangeKind.SWITCHED_ON if after["enabled"] else ChangeKind.SWITCHED_OFF


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text; `is_changed` if the other text does not have it."""

    text: str
    is_changed: bool


@dataclass(frozen=True, slots=True)
class PartChange:
    """One part of a segment that was changed, under its label."""

    label: str
    before: Sequence[Piece]
    after: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Version:
    """A change, and what it changed."""

    change: SegmentChange
    parts: Sequence[PartChange]


def changes_of(segment_id: UUID) -> QuerySet[SegmentChange]:
    """The changes of a segment, newest first, even if it is gone."""
    return SegmentChange.objects.filter(segment_id=segment_id).select_related("changed_by")


def deletions_in(document: Document) -> QuerySet[SegmentChange]:
    """The segments of a document that people deleted, newest first."""
    gone = SegmentChange.objects.filter(document=document, kind=ChangeKind.DELETED)
    return gone.select_related("changed_by")


def versions(changes: Iterable[SegmentChange]) -> Iterator[Version]:
    """The changes with their old and new texts, compared word by word."""
    for change in changes:
        yield Version(change, list(_parts(change)))


def _parts(change: SegmentChange) -> Iterator[PartChange]:
    before, after = change.before, change.after or {}
    for part in PARTS:
        old, new = before.get(part), after.get(part)
        if old != new:
            yield PartChange(LABELS[part], *_compared(_shown(old), _shown(new)))


def _shown(value: Any) -> str:
    """A part as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return "\n".join(f"{name}: {each}" for name, each in value.items())
    return str(value)


def _compared(old: str, new: str) -> tuple[list[Piece], list[Piece]]:
    olds, news = findall(r"\w+|\s+|[^\w\s]", old), findall(r"\w+|\s+|[^\w\s]", new)
    if not (olds and news) or len(olds) + len(news) > WORDS_COMPARED:
        return [Piece(old, True)] if old else [], [Piece(new, True)] if new else []
    before: list[Piece] = []
    after: list[Piece] = []
    for what, start, end, begin, stop in SequenceMatcher(a=olds, b=news).get_opcodes():
        if end > start:
            before.append(Piece("".join(olds[start:end]), what != "equal"))
        if stop > begin:
            after.append(Piece("".join(news[begin:stop]), what != "equal"))
    return before, after

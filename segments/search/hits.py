"""Hit: a found segment, with everything a reader or a language model needs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from segments.models import DocumentSegment
from segments.search.fusion import Ranked


@dataclass(frozen=True, slots=True)
class ChildHit:
    """A part by which a passage was found; `position` counts the document's parts."""

    id: UUID
    content: str
    position: int
    score: float

    def as_json(self) -> dict[str, Any]:
        """The fields for JSON."""
        return asdict(self) | {"id": str(self.id), "score": round(self.score, 6)}


@dataclass(frozen=True, slots=True)
class Hit:
    """A found segment; `document` is its document's name, `answer` is None for a passage.

    In a hierarchical document it is the passage, with the parts that were found
    (`child_chunks`), best first, and the score of the best.

    `score` depends on the method: cosine similarity, BM25, or the fused score (0 to 1).
    """

    segment_id: UUID
    document: str
    document_id: UUID
    position: int
    external_id: str | None
    content: str
    answer: str | None
    score: float
    metadata: dict[str, Any]
    child_chunks: tuple[ChildHit, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The fields for JSON: ids as text, the score to six digits."""
        ids = {"segment_id": str(self.segment_id), "document_id": str(self.document_id)}
        shown = asdict(self) | ids | {"score": round(self.score, 6)}
        shown["child_chunks"] = [child.as_json() for child in self.child_chunks]
        if not self.child_chunks:
            del shown["child_chunks"]
        return shown


def hits_of(ranking: Sequence[Ranked]) -> list[Hit]:
    """The ranked segments with their texts, in the same order, by one query.

    Segments that were deleted in the meantime are left out; parts of one passage are one hit.
    """
    segments = DocumentSegment.objects.select_related("document", "parent").only(
        *("position", "external_id", "content", "answer", "metadata", "document__name", "parent"),
        *("parent__position", "parent__external_id", "parent__content", "parent__metadata"),
    )
    found = segments.in_bulk([ranked.segment_id for ranked in ranking])
    hits: dict[UUID, Hit] = {}
    for ranked in ranking:
        if segment := found.get(ranked.segment_id):
            place = segment.parent_id or segment.pk
            hits[place] = _with_part(hits.get(place), segment, ranked.score)
    return list(hits.values())


def _with_part(known: Hit | None, segment: DocumentSegment, score: float) -> Hit:
    if segment.parent is None:
        return _hit(segment, score)
    part = ChildHit(segment.pk, segment.content, segment.position, score)
    if known:
        return replace(known, child_chunks=(*known.child_chunks, part))
    passage = segment.parent
    return replace(
        _hit(segment, score),
        segment_id=passage.pk,
        position=passage.position,
        external_id=passage.external_id,
        content=passage.content,
        metadata=passage.metadata,
        child_chunks=(part,),
    )


def _hit(segment: DocumentSegment, score: float) -> Hit:
    return Hit(
        segment_id=segment.pk,
        document=segment.document.name,
        document_id=segment.document_id,
        position=segment.position,
        external_id=segment.external_id,
        content=segment.content,
        answer=segment.answer,
        score=score,
        metadata=segment.metadata,
    )

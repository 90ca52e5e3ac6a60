"""Hit: a found segment, with everything a reader or a language model needs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from segments.models import DocumentSegment
from segments.search.fusion import Ranked


@dataclass(frozen=True, slots=True)
class Hit:
    """A found segment; `document` is its document's name, `answer` is None for a passage.

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

    def as_json(self) -> dict[str, Any]:
        """The fields for JSON: ids as text, the score to six digits."""
        ids = {"segment_id": str(self.segment_id), "document_id": str(self.document_id)}
        return asdict(self) | ids | {"score": round(self.score, 6)}


def hits_of(ranking: Sequence[Ranked]) -> list[Hit]:
    """The ranked segments with their texts, in the same order, by one query.

    Segments that were deleted in the meantime are left out.
    """
    segments = DocumentSegment.objects.select_related("document").only(
        "position", "external_id", "content", "answer", "metadata", "document__name"
    )
    found = segments.in_bulk([ranked.segment_id for ranked in ranking])
    return [
        _hit(found[ranked.segment_id], ranked.score)
        for ranked in ranking
        if ranked.segment_id in found
    ]


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

"""Hit: a found segment, with everything a reader or a language model needs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection

from segments.search.fusion import Ranked


class FoundSegment(NamedTuple):
    """A segment as it is stored, without what it is searched by; and what is shown of its document.

    `uploader` is the name of who created the document, if a person did.
    """

    id: UUID
    position: int
    document_id: UUID
    content: str
    answer: str | None
    word_count: int
    tokens: int
    keywords: list[str] | None
    external_id: str | None
    metadata: dict[str, Any]
    index_node_id: UUID
    index_node_hash: str
    hit_count: int
    enabled: bool
    disabled_at: datetime | None
    disabled_by_id: Any
    status: str
    created_by_id: Any
    created_at: datetime
    indexing_at: datetime | None
    completed_at: datetime | None
    stopped_at: datetime | None
    error: str | None
    document_name: str
    document_metadata: dict[str, Any]
    document_created_at: datetime
    document_updated_at: datetime
    uploader: str


OF_DOCUMENT = {
    "document_name": "document.name",
    "document_metadata": "document.doc_metadata",
    "document_created_at": "document.created_at",
    "document_updated_at": "document.updated_at",
    "uploader": "coalesce(uploader.{username}, '')",
}
OF_SEGMENT = [name for name in FoundSegment._fields if name not in OF_DOCUMENT]
FIND = """
    SELECT {columns}
    FROM segments_documentsegment AS segment
    JOIN datasets_document AS document ON document.id = segment.document_id
    LEFT JOIN {users} AS uploader ON uploader.{key} = document.created_by_id
    WHERE segment.id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Hit:
    """A found segment; `document` is its document's name, `answer` is None for a passage.

    `score` depends on the method: cosine similarity, BM25, or the fused score (0 to 1).
    `found` is all that was read of the segment.
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
    found: FoundSegment | None = field(default=None, compare=False, repr=False)

    def as_json(self) -> dict[str, Any]:
        """The fields for JSON: ids as text, the score to six digits."""
        return {
            "segment_id": str(self.segment_id),
            "document": self.document,
            "document_id": str(self.document_id),
            "position": self.position,
            "external_id": self.external_id,
            "content": self.content,
            "answer": self.answer,
            "score": round(self.score, 6),
            "metadata": self.metadata,
        }


def hits_of(ranking: Sequence[Ranked]) -> list[Hit]:
    """The ranked segments with their texts, in the same order, by one query.

    Segments that were deleted in the meantime are left out.
    """
    found = _found([ranked.segment_id for ranked in ranking]) if ranking else {}
    return [
        _hit(found[ranked.segment_id], ranked.score)
        for ranked in ranking
        if ranked.segment_id in found
    ]


def _found(ids: list[UUID]) -> dict[UUID, FoundSegment]:
    with connection.cursor() as cursor:
        cursor.execute(_statement(), [ids])
        rows = [FoundSegment(*row) for row in cursor.fetchall()]
    return {
        row.id: row._replace(
            metadata=json.loads(row.metadata),  # type: ignore[arg-type]  # as it comes: text
            document_metadata=json.loads(row.document_metadata),  # type: ignore[arg-type]
        )
        for row in rows
    }


@cache
def _statement() -> str:
    """Written out: Django takes longer to write it than the database to answer it."""
    users: Any = get_user_model()._meta
    quoted = connection.ops.quote_name
    username = users.get_field(get_user_model().USERNAME_FIELD).column
    segment = [f"segment.{name}" for name in OF_SEGMENT]
    document = [each.format(username=quoted(username)) for each in OF_DOCUMENT.values()]
    return FIND.format(
        columns=", ".join([*segment, *document]),
        users=quoted(users.db_table),
        key=quoted(users.pk.column),
    )


def _hit(found: FoundSegment, score: float) -> Hit:
    return Hit(
        segment_id=found.id,
        document=found.document_name,
        document_id=found.document_id,
        position=found.position,
        external_id=found.external_id,
        content=found.content,
        answer=found.answer,
        score=score,
        metadata=found.metadata,
        found=found,
    )

"""Hit: a found segment, with everything a reader or a language model needs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth import get_user_model

from segments.db.replicas import connection
from segments.search.fusion import Ranked


class FoundSegment(NamedTuple):
    """A segment as it is stored, without what it is searched by; and what is shown of its document.

    `uploader` is the name of who created the document, if a person did. The `passage_` fields are
    of the passage that it is a part of, in a hierarchical document.
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
    parent_id: UUID | None
    document_name: str
    document_metadata: dict[str, Any]
    document_created_at: datetime
    document_updated_at: datetime
    uploader: str
    passage_position: int | None
    passage_external_id: str | None
    passage_content: str | None
    passage_metadata: dict[str, Any] | None


OF_OTHERS = {
    "document_name": "document.name",
    "document_metadata": "document.doc_metadata",
    "document_created_at": "document.created_at",
    "document_updated_at": "document.updated_at",
    "uploader": "coalesce(uploader.{username}, '')",
    "passage_position": "passage.position",
    "passage_external_id": "passage.external_id",
    "passage_content": "passage.content",
    "passage_metadata": "passage.metadata",
}
OF_SEGMENT = [name for name in FoundSegment._fields if name not in OF_OTHERS]
JSON_COLUMNS = ("metadata", "document_metadata", "passage_metadata")
FIND = """
    SELECT {columns}
    FROM segments_documentsegment AS segment
    JOIN datasets_document AS document ON document.id = segment.document_id
    LEFT JOIN segments_parentsegment AS passage ON passage.id = segment.parent_id
    LEFT JOIN {users} AS uploader ON uploader.{key} = document.created_by_id
    WHERE segment.id = ANY(%s)
"""


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
    `found` is all that was read of the segment; None for a passage whose parts were found.
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
    found: FoundSegment | None = field(default=None, compare=False, repr=False)

    def as_json(self) -> dict[str, Any]:
        """The fields for JSON: ids as text, the score to six digits."""
        shown = {
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
        if self.child_chunks:
            shown["child_chunks"] = [child.as_json() for child in self.child_chunks]
        return shown


def hits_of(ranking: Sequence[Ranked]) -> list[Hit]:
    """The ranked segments with their texts, in the same order, by one query.

    Segments that were deleted in the meantime are left out; parts of one passage are one hit.
    """
    found = _found([ranked.segment_id for ranked in ranking]) if ranking else {}
    hits: dict[UUID, Hit] = {}
    for ranked in ranking:
        if segment := found.get(ranked.segment_id):
            place = segment.parent_id or segment.id
            hits[place] = _with_part(hits.get(place), segment, ranked.score)
    return list(hits.values())


def _with_part(known: Hit | None, found: FoundSegment, score: float) -> Hit:
    if found.parent_id is None or found.passage_content is None:
        return _hit(found, score)
    part = ChildHit(found.id, found.content, found.position, score)
    if known:
        return replace(known, child_chunks=(*known.child_chunks, part))
    return replace(
        _hit(found, score),
        segment_id=found.parent_id,
        position=found.passage_position or 0,
        external_id=found.passage_external_id,
        content=found.passage_content,
        metadata=found.passage_metadata or {},
        child_chunks=(part,),
        found=None,
    )


def _found(ids: list[UUID]) -> dict[UUID, FoundSegment]:
    with connection.cursor() as cursor:
        cursor.execute(_statement(), [ids])
        rows = [FoundSegment(*row) for row in cursor.fetchall()]
    return {row.id: row._replace(**_read_json(row)) for row in rows}


def _read_json(row: FoundSegment) -> dict[str, Any]:
    """The columns that come as the text of JSON."""
    texts = {name: getattr(row, name) for name in JSON_COLUMNS}
    return {name: text and json.loads(text) for name, text in texts.items()}


@cache
def _statement() -> str:
    """Written out: Django takes longer to write it than the database to answer it."""
    users: Any = get_user_model()._meta
    quoted = connection.ops.quote_name
    username = users.get_field(get_user_model().USERNAME_FIELD).column
    segment = [f"segment.{name}" for name in OF_SEGMENT]
    document = [each.format(username=quoted(username)) for each in OF_OTHERS.values()]
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

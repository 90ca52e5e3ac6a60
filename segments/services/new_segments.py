"""Adds segments to a document while the caller waits: all of them, or none.

For what comes by hand or in small numbers. A file, or rows in bulk, is an import.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import numpy as np
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Max
from django.db.models.functions import Now
from django.utils import timezone
from uuid_utils.compat import uuid7

from datasets.models import Dataset, Document
from segments.embedding import Embedder, Vectors, checked_vectors, embedder_of
from segments.embedding.base import plan
from segments.exceptions import SegmentsRefused, TargetGone
from segments.files.columns import Columns, map_columns
from segments.files.json import cell_of
from segments.files.types import CountedRow, JSONValue, RawRow, RowProblem
from segments.files.validation import MAX_CELL_CHARS, Rules, validate
from segments.imports.prepare import count
from segments.imports.publish import full_text_problem
from segments.imports.staging import FullText
from segments.imports.submit import check_target
from segments.languages.analysis import index_text, text_of
from segments.models import DocumentSegment
from segments.models.segment import EXTERNAL_ID_ONCE, SegmentStatus
from segments.models.webhook import WebhookEvent
from segments.webhooks.events import announce_segments

PARTS = ("content", "answer", "keywords", "external_id", "metadata")
# Rows of one INSERT statement; more would only make it longer.
ROWS_A_STATEMENT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSegment:
    """A segment that is wanted; `answer` only in a document of questions and answers."""

    content: str
    answer: str | None = None
    keywords: list[str] | None = None
    external_id: str | None = None
    metadata: Mapping[str, JSONValue] = field(default_factory=dict)
    enabled: bool = True
    parent_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class PreparedSegments:
    """New segments that are checked and embedded, with the passages they are parts of."""

    rows: list[CountedRow]
    parents: list[UUID | None]
    vectors: Vectors | None


def add_segments(
    document: Document, wanted: Sequence[NewSegment], user: User | None = None
) -> list[DocumentSegment]:
    """Add segments at the end of `document`: checked as rows of a file are, embedded, searchable.

    Raises:
        DocumentNotAvailable, NoEmbeddingModel: as an import into the document.
        SegmentsRefused: some break a rule; the error lists all that is wrong with them.
        EmbeddingFailed: the model gave no usable vectors.
        TargetGone: the document or its dataset's model changed meanwhile.
    """
    return publish_segments(document, prepare_segments(document, wanted), user)


def prepare_segments(document: Document, wanted: Sequence[NewSegment]) -> PreparedSegments:
    """Check and embed new segments, with no transaction open while the model runs.

    Raises:
        DocumentNotAvailable, NoEmbeddingModel, SegmentsRefused, EmbeddingFailed: as `add_segments`.
    """
    check_target(document)
    dataset = document.dataset
    embedder = embedder_of(dataset) if dataset.has_vectors else None
    rows = _checked(document, wanted, embedder)
    vectors = _embedded(embedder, [row.segment.content for row in rows])
    return PreparedSegments(rows, [segment.parent_id for segment in wanted], vectors)


def publish_segments(
    document: Document,
    prepared: PreparedSegments,
    user: User | None = None,
    *,
    tells_webhooks: bool = True,
) -> list[DocumentSegment]:
    """Add prepared segments at the end of the document, all at once.

    Of parts of a passage webhooks hear that it changed.

    Raises:
        SegmentsRefused: an external id is taken.
        TargetGone: the document or its dataset's model changed meanwhile.
    """
    try:
        with transaction.atomic():
            added = _publish(document, prepared, user)
            if tells_webhooks:
                _tell_added(document, added)
            return added
    except IntegrityError as error:
        if EXTERNAL_ID_ONCE not in str(error):
            raise
        raise SegmentsRefused([_ID_TAKEN]) from error


_ID_TAKEN = RowProblem(
    0,
    "external_id",
    "",
    "duplicate_external_id",
    "A segment of the document, or another of the new ones, has one of the external ids already.",
)


def _checked(
    document: Document, wanted: Sequence[NewSegment], embedder: Embedder | None
) -> list[CountedRow]:
    """The new segments as counted rows, numbered from 1.

    Raises:
        SegmentsRefused: some break rules.
    """
    columns = map_columns(PARTS, 1, document.doc_form)
    dataset = document.dataset
    full_text = FullText(dataset.text_search_config, dataset.language)
    good: list[CountedRow] = []
    bad: list[RowProblem] = []
    for number, segment in enumerate(wanted, 1):
        row = _counted(number, segment, columns, embedder, full_text)
        if isinstance(row, CountedRow):
            good.append(row)
        else:
            bad += row
    if bad:
        raise SegmentsRefused([_naming(problem, len(wanted)) for problem in bad])
    return good


def _counted(
    number: int,
    wanted: NewSegment,
    columns: Columns,
    embedder: Embedder | None,
    full_text: FullText,
) -> CountedRow | list[RowProblem]:
    cells = tuple(cell_of(getattr(wanted, part)) for part in PARTS)
    row = validate(RawRow(number, cells), Rules(columns, MAX_CELL_CHARS))
    if isinstance(row, list):
        return row
    counted = count(row._replace(enabled=wanted.enabled), embedder)
    if isinstance(counted, RowProblem):
        return [counted]
    problem = full_text_problem(row, full_text)
    return counted if problem is None else [problem]


def _naming(problem: RowProblem, segments: int) -> RowProblem:
    """The problem with the number of its segment, where there are several."""
    if segments == 1:
        return problem
    return replace(problem, reason=f"Segment {problem.line}: {problem.reason}")


def _embedded(embedder: Embedder | None, texts: Sequence[str]) -> Vectors | None:
    """The vectors of the texts, with no transaction open while the model runs."""
    if embedder is None:
        return None
    vectors = np.empty((len(texts), embedder.dimensions), np.float32)
    for batch in plan(texts, embedder):
        places = list(batch.places)
        given = embedder.embed_passages([texts[place] for place in places])
        vectors[places] = checked_vectors(given, len(places), embedder.dimensions)
    return vectors


def _tell_added(document: Document, added: Sequence[DocumentSegment]) -> None:
    if whole := [segment.pk for segment in added if segment.parent_id is None]:
        announce_segments(WebhookEvent.SEGMENTS_ADDED, document, whole)
    if passages := {segment.parent_id for segment in added if segment.parent_id is not None}:
        announce_segments(WebhookEvent.SEGMENTS_CHANGED, document, passages)


def _publish(
    document: Document, prepared: PreparedSegments, user: User | None
) -> list[DocumentSegment]:
    last = _lock_target(document)
    language = Dataset.objects.values_list("language", flat=True).get(pk=document.dataset_id)
    rows, vectors = prepared.rows, prepared.vectors
    segments = [_segment(document, row, last + number, user) for number, row in enumerate(rows, 1)]
    for segment, parent_id in zip(segments, prepared.parents, strict=True):
        segment.parent_id = parent_id
        segment.search_text = index_text(text_of(segment.content, segment.answer), language)
    if vectors is not None:
        for segment, vector in zip(segments, vectors, strict=True):
            segment.embedding = vector
    DocumentSegment.objects.bulk_create(segments, ROWS_A_STATEMENT)
    Document.objects.filter(pk=document.pk).update(
        segment_count=F("segment_count") + len(segments),
        word_count=F("word_count") + sum(segment.word_count for segment in segments),
        tokens=F("tokens") + sum(segment.tokens for segment in segments),
        updated_at=Now(),
    )
    return segments


def _lock_target(document: Document) -> int:
    """Lock the dataset's model and the document, as a publish does; its last position.

    Raises:
        TargetGone: they are not what the segments were prepared for any more.
    """
    with connection.cursor() as cursor:  # shared: other documents are filled at the same time
        cursor.execute(
            "SELECT FROM datasets_dataset WHERE id = %s FOR SHARE", [document.dataset_id]
        )
    locked = Document.objects.select_for_update(no_key=True).filter(pk=document.pk).first()
    dataset = Dataset.objects.filter(pk=document.dataset_id).first()
    if locked is None or dataset is None or not locked.is_available:
        raise TargetGone("The document was deleted, disabled or archived meanwhile.")
    if (dataset.model, locked.doc_form) != (document.dataset.model, document.doc_form):
        raise TargetGone("The document or its dataset's model has changed meanwhile. Try again.")
    segments = DocumentSegment.objects.filter(document=document.pk)
    return segments.aggregate(last=Max("position"))["last"] or 0


def _segment(
    document: Document, row: CountedRow, position: int, user: User | None
) -> DocumentSegment:
    new, moment, identifier = row.segment, timezone.now(), uuid7()
    return DocumentSegment(
        id=identifier,
        tenant_id=document.tenant_id,
        dataset_id=document.dataset_id,
        document_id=document.pk,
        position=position,
        content=new.content,
        answer=new.answer,
        word_count=len(new.content) + len(new.answer or ""),
        tokens=row.tokens,
        keywords=new.keywords,
        external_id=new.external_id,
        metadata=dict(new.metadata),
        index_node_id=identifier,
        index_node_hash=row.content_hash,
        enabled=new.enabled,
        disabled_at=None if new.enabled else moment,
        disabled_by=None if new.enabled else user,
        status=SegmentStatus.COMPLETED,
        indexing_at=moment,
        completed_at=moment,
        created_by=user,
    )

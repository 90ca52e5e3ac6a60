"""/v1/datasets/ID/documents/ID/segments: segments, listed, added, read, changed, deleted."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.models import DocForm, Document, IndexingStatus
from segments.api.pagination import Page, PageQuery, each, page_of
from segments.api.serializers.documents import ResultSerializer
from segments.api.serializers.segments import (
    NewSegmentsSerializer,
    SegmentAnswerSerializer,
    SegmentChangeSerializer,
    SegmentQuery,
    SegmentsAnswerSerializer,
    UpdateSegmentSerializer,
    WholeSegmentSerializer,
)
from segments.api.views import ApiView, checked, checked_query
from segments.exceptions import DocumentArchived
from segments.models import ParentSegment
from segments.services import history, parents
from segments.services.new_segments import NewSegment, add_segments
from segments.services.segments import (
    SegmentChanges,
    SegmentFilter,
    change_segment,
    delete_segments,
    etag_of,
    segments_of,
)

_each = each(WholeSegmentSerializer)
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The ETag of the state to change."
)
ETAG = OpenApiParameter(
    "ETag",
    str,
    OpenApiParameter.HEADER,
    response=[200],
    description="Names this state of the segment, for `If-Match`.",
)
SWITCHES = {"all": None, "true": True, "false": False}
SegmentPage = inline_serializer(
    "SegmentPage",
    {
        "data": WholeSegmentSerializer(many=True),
        "doc_form": serializers.CharField(),
        "has_more": serializers.BooleanField(),
        "limit": serializers.IntegerField(),
        "total": serializers.IntegerField(),
        "page": serializers.IntegerField(),
    },
)


class SegmentsView(ApiView):
    """The segments of a document."""

    @extend_schema(
        operation_id="list_segments",
        parameters=[PageQuery, SegmentQuery],
        responses=SegmentPage,
    )
    def get(self, request: Request, dataset_id: UUID, document_id: UUID) -> Response:
        """A page of segments in their order."""
        document = self.document(dataset_id, document_id)
        wanted = checked_query(SegmentQuery, request)
        chosen = SegmentFilter(
            keyword=wanted["keyword"],
            statuses=sorted(wanted["status"]),
            enabled=SWITCHES[wanted["enabled"]],
            least_hits=wanted["hit_count_gte"],
        )
        found: Any = segments_of(document, chosen)
        if document.doc_form == DocForm.HIERARCHICAL:
            found = parents.parents_of(document, chosen)
        page = Page.of(request)
        return Response(page.cut(found, _each) | {"doc_form": document.doc_form})

    @extend_schema(
        operation_id="add_segments",
        request=NewSegmentsSerializer,
        responses=SegmentsAnswerSerializer,
    )
    def post(self, request: Request, dataset_id: UUID, document_id: UUID) -> Response:
        """Add segments at the end: all of them, or none. Search finds them at once."""
        document = self.document(dataset_id, document_id)
        _refuse_unavailable(document)
        wanted = checked(NewSegmentsSerializer, request)["segments"]
        if document.doc_form == DocForm.QA:
            _refuse_without_answer(wanted)
        new = [_new(segment) for segment in wanted]
        add: Any = add_segments
        if document.doc_form == DocForm.HIERARCHICAL:
            add = parents.add_parents
        return Response(
            {"data": _each(add(document, new, self.user)), "doc_form": document.doc_form}
        )

    def handle_exception(self, exc: Exception) -> Response:
        """The usual answer, whose message clients of Dify also look for under `error`."""
        answer = super().handle_exception(exc)
        if answer.status_code == HTTPStatus.BAD_REQUEST:
            answer.data["error"] = answer.data["message"]
        return answer


class SegmentView(ApiView):
    """One segment."""

    @extend_schema(operation_id="get_segment", parameters=[ETAG], responses=SegmentAnswerSerializer)
    def get(
        self, request: Request, dataset_id: UUID, document_id: UUID, segment_id: UUID
    ) -> Response:
        """The segment."""
        return _answer(self.segment_or_parent(dataset_id, document_id, segment_id))

    @extend_schema(
        operation_id="update_segment",
        parameters=[IF_MATCH, ETAG],
        request=UpdateSegmentSerializer,
        responses=SegmentAnswerSerializer,
    )
    def post(
        self, request: Request, dataset_id: UUID, document_id: UUID, segment_id: UUID
    ) -> Response:
        """Change some parts of it; search finds the new text at once.

        With `If-Match`, 412 if somebody else has changed it since it was read.
        """
        segment = self.segment_or_parent(dataset_id, document_id, segment_id)
        wanted = checked(UpdateSegmentSerializer, request)["segment"]
        again, seen = wanted["regenerate_child_chunks"], _if_match(request)
        if isinstance(segment, ParentSegment):
            changes = _changes(wanted)
            parents.change_parent(
                segment, changes, self.user, regenerates_parts=again, if_match=seen
            )
        elif again:
            raise ValidationError(
                {"segment.regenerate_child_chunks": "Segments have no child chunks."}
            )
        else:
            change_segment(segment, _changes(wanted), self.user, if_match=seen)
        return _answer(self.segment_or_parent(dataset_id, document_id, segment_id))

    @extend_schema(operation_id="delete_segment", responses=ResultSerializer)
    def delete(
        self, request: Request, dataset_id: UUID, document_id: UUID, segment_id: UUID
    ) -> Response:
        """Delete it. The others keep their positions."""
        segment = self.segment_or_parent(dataset_id, document_id, segment_id)
        if segment.document.archived:
            raise DocumentArchived
        if isinstance(segment, ParentSegment):
            parents.delete_parents(segment.document, [segment.pk])
        else:
            delete_segments([segment.pk])
        return Response({"result": "success"})


class SegmentHistoryView(ApiView):
    """What became of a segment."""

    @extend_schema(
        operation_id="list_segment_changes",
        parameters=[PageQuery],
        responses=page_of(SegmentChangeSerializer, "SegmentChangePage"),
    )
    def get(
        self, request: Request, dataset_id: UUID, document_id: UUID, segment_id: UUID
    ) -> Response:
        """A page of its changes, the newest first; also of one that was deleted."""
        document = self.document(dataset_id, document_id)
        changes = history.changes_of(segment_id).filter(document=document)
        if not changes.exists():
            self.segment_or_parent(dataset_id, document_id, segment_id)
        return Response(Page.of(request).cut(changes, each(SegmentChangeSerializer)))


def _refuse_unavailable(document: Document) -> None:
    """Refuse a document that takes no segments now, in the words that clients compare.

    Raises:
        NotFound, DocumentArchived: it says why.
    """
    if document.archived:
        raise DocumentArchived
    if document.indexing_status != IndexingStatus.COMPLETED:
        raise NotFound("Document is not completed.")
    if not document.enabled:
        raise NotFound("Document is disabled.")


def _refuse_without_answer(wanted: list[dict[str, Any]]) -> None:
    """Raises ValidationError: a question has no answer."""
    for segment in wanted:
        if segment["answer"] is None:
            raise ValidationError("Answer is required")
        if not segment["answer"].strip():
            raise ValidationError("Answer is empty")


def _new(wanted: dict[str, Any]) -> NewSegment:
    return NewSegment(
        content=wanted["content"],
        answer=wanted["answer"],
        keywords=wanted["keywords"],
        external_id=wanted["external_id"] or None,
        metadata=wanted["metadata"] or {},
        enabled=wanted["enabled"],
    )


def _changes(wanted: dict[str, Any]) -> SegmentChanges:
    names = ("content", "answer", "keywords", "enabled")
    return SegmentChanges(**{name: wanted[name] for name in names})


def _if_match(request: Request) -> list[str]:
    """The states that the client has seen; none if any will do."""
    given = [each.strip() for each in request.headers.get("If-Match", "").split(",")]
    return [] if "*" in given else [each for each in given if each]


def _answer(segment: Any) -> Response:
    return Response(
        {"data": _each([segment])[0], "doc_form": segment.document.doc_form},
        headers={"ETag": etag_of(segment)},
    )

"""/v1/…/segments/ID/child_chunks: the parts by which a passage is found."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from segments.api.pagination import KeywordQuery, Page, PageQuery
from segments.api.serializers.documents import ResultSerializer
from segments.api.serializers.segments import (
    ChildAnswerSerializer,
    ChildContentSerializer,
    ChildSerializer,
    child_as_json,
)
from segments.api.views import ApiView, checked, checked_query
from segments.models import DocumentSegment, ParentSegment
from segments.services import parents

ChildPage = inline_serializer(
    "ChildPage",
    {
        "data": ChildSerializer(many=True),
        "total": serializers.IntegerField(),
        "total_pages": serializers.IntegerField(),
        "page": serializers.IntegerField(),
        "limit": serializers.IntegerField(),
        "has_more": serializers.BooleanField(),
    },
)


class _PassageView(ApiView):
    """A passage of a hierarchical document."""

    def passage(self, dataset_id: UUID, document_id: UUID, segment_id: UUID) -> ParentSegment:
        """The passage.

        Raises:
            NotFound, PermissionDenied: as `segment_or_parent`.
            ValidationError: the document is not hierarchical.
        """
        found = self.segment_or_parent(dataset_id, document_id, segment_id)
        if not isinstance(found, ParentSegment):
            raise ValidationError("The document is not hierarchical: it has no child chunks.")
        return found

    def child(
        self, dataset_id: UUID, document_id: UUID, segment_id: UUID, child_chunk_id: UUID
    ) -> DocumentSegment:
        """A part of the passage, with it.

        Raises:
            NotFound, PermissionDenied, ValidationError: as `passage`, and it has no such part.
        """
        passage = self.passage(dataset_id, document_id, segment_id)
        child = parents.children_of(passage).filter(pk=child_chunk_id).first()
        if child is None:
            raise NotFound("Child chunk not found.")
        child.document, child.parent = passage.document, passage
        return child


class ChildChunksView(_PassageView):
    """The parts of a passage."""

    @extend_schema(
        operation_id="list_child_chunks", parameters=[PageQuery, KeywordQuery], responses=ChildPage
    )
    def get(
        self, request: Request, dataset_id: UUID, document_id: UUID, segment_id: UUID
    ) -> Response:
        """A page of its parts in their order."""
        passage = self.passage(dataset_id, document_id, segment_id)
        keyword = checked_query(KeywordQuery, request)["keyword"]
        page = Page.of(request)
        found = page.cut(parents.children_of(passage, keyword), _shown)
        return Response(found | {"total_pages": -(-found["total"] // page.limit)})

    @extend_schema(
        operation_id="add_child_chunk",
        request=ChildContentSerializer,
        responses=ChildAnswerSerializer,
    )
    def post(
        self, request: Request, dataset_id: UUID, document_id: UUID, segment_id: UUID
    ) -> Response:
        """Add a part. Search finds the passage by it at once."""
        passage = self.passage(dataset_id, document_id, segment_id)
        content = checked(ChildContentSerializer, request)["content"]
        return _answer(parents.add_child(passage, content, self.user))


class ChildChunkView(_PassageView):
    """One part of a passage."""

    @extend_schema(
        operation_id="update_child_chunk",
        request=ChildContentSerializer,
        responses=ChildAnswerSerializer,
    )
    def patch(self, request: Request, **ids: UUID) -> Response:
        """Change its text; search finds the new one at once."""
        child = self.child(**ids)
        content = checked(ChildContentSerializer, request)["content"]
        parents.change_child(child, content, self.user)
        return _answer(self.child(**ids))

    @extend_schema(operation_id="delete_child_chunk", responses=ResultSerializer)
    def delete(self, request: Request, **ids: UUID) -> Response:
        """Delete it; the passage stays, and its other parts."""
        parents.delete_child(self.child(**ids))
        return Response({"result": "success"})


def _shown(children: Any) -> list[dict[str, Any]]:
    return [child_as_json(child) for child in children]


def _answer(child: DocumentSegment) -> Response:
    return Response({"data": child_as_json(child)})

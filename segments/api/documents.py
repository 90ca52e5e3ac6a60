"""/v1/datasets/ID/documents: what a dataset is made of, and a new one to import into."""

from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.models import Dataset, DocForm, Document, IndexingStatus
from segments.api.pagination import KeywordQuery, Page, PageQuery, each, page_of
from segments.api.serializers.documents import (
    DISPLAY_STATUS,
    DocumentAnswerSerializer,
    DocumentSerializer,
    NewDocumentSerializer,
)
from segments.api.views import ApiView, checked, checked_query
from segments.services.knowledge import create_document

COMPLETED = Q(indexing_status=IndexingStatus.COMPLETED)
STATUS_FILTERS = {
    word: Q(
        indexing_status__in=[status for status, shown in DISPLAY_STATUS.items() if shown == word]
    )
    for word in set(DISPLAY_STATUS.values())
} | {
    "archived": COMPLETED & Q(archived=True),
    "available": COMPLETED & Q(archived=False, enabled=True),
    "disabled": COMPLETED & Q(archived=False, enabled=False),
}


def with_positions(dataset: Dataset) -> QuerySet[Document]:
    """The dataset's documents with what DocumentSerializer needs, in one query."""
    up_to_it = Document.objects.filter(dataset=dataset, created_at__lte=OuterRef("created_at"))
    numbered = up_to_it.order_by().values("dataset").annotate(number=Count("pk")).values("number")
    return Document.objects.filter(dataset=dataset).annotate(position=Subquery(numbered))


class DocumentsView(ApiView):
    """The documents of a dataset."""

    @extend_schema(
        operation_id="list_documents",
        parameters=[
            PageQuery,
            KeywordQuery,
            OpenApiParameter("status", str, enum=sorted(STATUS_FILTERS)),
        ],
        responses=page_of(DocumentSerializer, "DocumentPage"),
    )
    def get(self, request: Request, dataset_id: UUID) -> Response:
        """A page of documents, the newest first."""
        dataset = self.dataset(dataset_id)
        keyword = checked_query(KeywordQuery, request)["keyword"]
        documents = with_positions(dataset).filter(name__icontains=keyword)
        if status := request.query_params.get("status"):
            documents = documents.filter(_status_filter(status))
        newest = documents.order_by(F("created_at").desc(), "id")
        page = Page.of(request)
        return Response(page.cut(newest, each(DocumentSerializer)))

    @extend_schema(
        operation_id="create_document",
        request=NewDocumentSerializer,
        responses=DocumentAnswerSerializer,
    )
    def post(self, request: Request, dataset_id: UUID) -> Response:
        """A new document without segments, ready for an import."""
        dataset = self.dataset(dataset_id)
        wanted = checked(NewDocumentSerializer, request)
        form = DocForm(wanted["doc_form"])
        made = create_document(dataset, wanted["name"], form, self.user)
        document = with_positions(dataset).get(pk=made.pk)
        return Response({"document": DocumentSerializer(document).data, "batch": ""})


def _status_filter(status: str) -> Q:
    try:
        return STATUS_FILTERS[status]
    except KeyError:
        known = ", ".join(sorted(STATUS_FILTERS))
        raise ValidationError(
            {"status": f"“{status}” is not known. Use one of: {known}."}
        ) from None

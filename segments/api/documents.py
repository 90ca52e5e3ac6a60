"""/v1/datasets/ID/documents: what a dataset is made of, listed, switched, deleted, downloaded."""

from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.http import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.models import Dataset, DocForm, Document, IndexingStatus
from segments.api.pagination import LenientPageQuery, Page, page_of
from segments.api.serializers.documents import (
    DISPLAY_STATUS,
    DetailQuery,
    DocumentAnswerSerializer,
    DocumentDetailSerializer,
    DocumentIdsSerializer,
    DocumentQuery,
    DocumentSerializer,
    IndexingAnswerSerializer,
    IndexingSerializer,
    NewDocumentSerializer,
    ResultSerializer,
    ZippedDocumentsSerializer,
    documents_as_json,
)
from segments.api.serializers.imports import FileLinkSerializer, LinkSerializer
from segments.api.views import ApiView, checked, checked_query
from segments.exceptions import ActionRefused, MetadataRefused, UploadNotFound
from segments.services.documents import (
    DocumentAction,
    delete_document,
    documents_of,
    indexing_progress,
    switch_documents,
)
from segments.services.exports import link_to_export, link_to_file, zip_documents
from segments.services.knowledge import create_document
from segments.uploads import attachment

COMPLETED = Q(shown_status=IndexingStatus.COMPLETED)
STATUS_FILTERS = {
    word: Q(shown_status__in=[status for status, shown in DISPLAY_STATUS.items() if shown == word])
    for word in set(DISPLAY_STATUS.values())
} | {
    "archived": COMPLETED & Q(archived=True),
    "available": COMPLETED & Q(archived=False, enabled=True),
    "disabled": COMPLETED & Q(archived=False, enabled=False),
}
DONE = {"result": "success"}
ACTION = OpenApiParameter(
    "action", str, OpenApiParameter.PATH, enum=[action.value for action in DocumentAction]
)


class DocumentsView(ApiView):
    """The documents of a dataset."""

    @extend_schema(
        operation_id="list_documents",
        parameters=[LenientPageQuery, DocumentQuery],
        responses=page_of(DocumentSerializer, "DocumentPage"),
    )
    def get(self, request: Request, dataset_id: UUID) -> Response:
        """A page of documents, the newest first."""
        dataset = self.dataset(dataset_id)
        wanted = checked_query(DocumentQuery, request)
        documents = documents_of(dataset).filter(name__icontains=wanted["keyword"])
        if status := wanted.get("status"):
            documents = documents.filter(STATUS_FILTERS[status])
        newest = documents.order_by(F("created_at").desc(), "id")
        page = Page.of(request, LenientPageQuery)
        return Response(page.cut(newest, lambda found: documents_as_json(dataset, found)))

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
        return document_answer(create_document(dataset, wanted["name"], form, self.user))


class DocumentView(ApiView):
    """One document."""

    @extend_schema(
        operation_id="get_document",
        parameters=[DetailQuery],
        responses=DocumentDetailSerializer,
    )
    def get(self, request: Request, dataset_id: UUID, document_id: UUID) -> Response:
        """The document; with metadata=only its id, type and values, without them otherwise."""
        document = self.document(dataset_id, document_id)
        shown = _as_json(document, DocumentDetailSerializer)
        metadata = request.query_params.get("metadata", "all")
        if metadata not in ("all", "only", "without"):
            raise MetadataRefused(f"Invalid metadata value: {metadata}")
        if metadata == "only":
            shown = {name: shown[name] for name in ("id", "doc_type", "doc_metadata")}
        elif metadata == "without":
            shown = {
                name: value
                for name, value in shown.items()
                if name not in ("doc_type", "doc_metadata")
            }
        return Response(shown)

    @extend_schema(operation_id="delete_document", responses=ResultSerializer)
    def delete(self, request: Request, dataset_id: UUID, document_id: UUID) -> Response:
        """Delete it with its segments."""
        delete_document(self.document(dataset_id, document_id))
        return Response(DONE)


class DocumentStatusView(ApiView):
    """Switches documents."""

    @extend_schema(
        operation_id="switch_documents",
        parameters=[ACTION],
        request=DocumentIdsSerializer,
        responses=ResultSerializer,
    )
    def patch(self, request: Request, dataset_id: UUID, action: str) -> Response:
        """Enable, disable, archive or take out of the archive: all of them, or none."""
        dataset = self.dataset(dataset_id)
        if action not in list(DocumentAction):
            raise ActionRefused(f"Invalid action: {action}. Use: {', '.join(DocumentAction)}.")
        ids = checked(DocumentIdsSerializer, request)["document_ids"]
        switch_documents(dataset, ids, DocumentAction(action), self.user)
        return Response(DONE)


class IndexingStatusView(ApiView):
    """How far documents are."""

    @extend_schema(operation_id="indexing_status", responses=IndexingAnswerSerializer)
    def get(self, request: Request, dataset_id: UUID, batch: str) -> Response:
        """The documents of a batch. Poll until each is completed, or has an error."""
        found = indexing_of(self.dataset(dataset_id), batch)
        if not found:
            raise NotFound("Documents not found.")
        return Response({"data": found})


def indexing_of(dataset: Dataset, batch: str) -> list[dict[str, Any]]:
    """How far the documents of a batch are, as JSON; empty if it has none."""
    return [dict(IndexingSerializer(each).data) for each in indexing_progress(dataset, batch)]


class DownloadView(ApiView):
    """The document as a file, for who has no key."""

    @extend_schema(operation_id="document_download", responses=LinkSerializer)
    def get(self, request: Request, dataset_id: UUID, document_id: UUID) -> Response:
        """An address that gives the segments as CSV for ten minutes, without a key."""
        document = self.document(dataset_id, document_id)
        return Response({"url": _address(request, link_to_export(document))})


class DownloadZipView(ApiView):
    """Documents as files in an archive."""

    only_reads = True

    @extend_schema(
        operation_id="download_documents",
        request=ZippedDocumentsSerializer,
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def post(self, request: Request, dataset_id: UUID) -> HttpResponseBase:
        """A ZIP archive with the segments of each document as CSV: of all of them, or none."""
        dataset = self.dataset(dataset_id)
        ids = checked(ZippedDocumentsSerializer, request)["document_ids"]
        found = dataset.documents.in_bulk(ids)
        if lacking := [str(each) for each in ids if each not in found]:
            raise NotFound(f"Document not found: {lacking[0]}.")
        documents = [found[each] for each in dict.fromkeys(ids)]
        return attachment(zip_documents(documents), f"{dataset.name}.zip", "application/zip")


class UploadFileView(ApiView):
    """The file that a document was filled from."""

    @extend_schema(operation_id="document_upload_file", responses=FileLinkSerializer)
    def get(self, request: Request, dataset_id: UUID, document_id: UUID) -> Response:
        """The last imported file, with an address that gives it for ten minutes without a key."""
        document = self.document(dataset_id, document_id)
        found = link_to_file(document)
        if found is None:
            raise UploadNotFound(document.name, remedy="Its files are no longer stored.")
        url = _address(request, found.token)
        links = {"job": found.job, "url": url, "download_url": url}
        return Response(FileLinkSerializer(links).data)


def document_answer(document: Document) -> Response:
    """What making or refilling a document answers."""
    return Response({"document": _as_json(document), "batch": document.batch})


def _as_json(
    document: Document, serializer: type[DocumentSerializer] = DocumentSerializer
) -> dict[str, Any]:
    dataset: Dataset = document.dataset
    found = documents_of(dataset).filter(pk=document.pk)
    (shown,) = documents_as_json(dataset, found, serializer)
    return shown


def _address(request: Request, token: str) -> str:
    return request.build_absolute_uri(reverse("segmill:signed_file", kwargs={"token": token}))

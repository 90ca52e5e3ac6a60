"""/v1/files/upload, and downloads: exports, bad rows, templates."""

from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from datasets.models import DocForm
from segments.api.serializers.imports import UploadFormSerializer, UploadSerializer
from segments.api.views import ApiView, checked_query
from segments.files.types import FileFormat
from segments.files.writers import CONTENT_TYPES
from segments.services import exports, people_exports
from segments.services.bad_rows import bad_rows_of_import
from segments.uploads import attachment, download, keep_upload, received_file, refuse_large_body


class UploadView(ApiView):
    """Files for later."""

    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="upload_file",
        request={"multipart/form-data": UploadFormSerializer},
        responses={status.HTTP_201_CREATED: UploadSerializer},
    )
    def post(self, request: Request) -> Response:
        """Store the file. It is removed after a day if no import has used it."""
        refuse_large_body(request)
        request.data  # noqa: B018  (reads the form)
        file = received_file(request)
        upload = keep_upload(
            self.tenant,
            file,
            file.name or "",
            file.content_type or "",
            self.user,
            self.key.dataset_id,
        )
        return Response(UploadSerializer(upload).data, status=status.HTTP_201_CREATED)


class ExportQuery(serializers.Serializer[Any]):
    """Which format the segments are wanted in, and for whom."""

    format = serializers.ChoiceField(
        [kind.value for kind in exports.FORMATS], default=FileFormat.CSV.value
    )
    layout = serializers.ChoiceField(
        ["lossless", "people"],
        default="lossless",
        help_text="`people`: the columns of the file, numbers and dates as such (CSV, XLSX).",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a format that people do not read."""
        readable = [kind.value for kind in people_exports.FORMATS]
        if attrs["layout"] == "people" and attrs["format"] not in readable:
            allowed = " or ".join(readable)
            raise serializers.ValidationError(
                {"format": f"With the layout people, the format is {allowed}."}
            )
        return attrs


class TemplateQuery(serializers.Serializer[Any]):
    """Which template is wanted."""

    format = serializers.ChoiceField(
        [kind.value for kind in exports.TEMPLATE_FORMATS], default=FileFormat.CSV.value
    )
    doc_form = serializers.ChoiceField(DocForm.choices, default=DocForm.QA.value)


def _file_of(formats: tuple[FileFormat, ...]) -> dict[tuple[int, str], OpenApiTypes]:
    types = (CONTENT_TYPES[kind].partition(";")[0] for kind in formats)
    return {(200, kind): OpenApiTypes.BINARY for kind in types}


class ExportView(ApiView):
    """A document as a file."""

    @extend_schema(
        operation_id="export_segments",
        parameters=[ExportQuery],
        responses=_file_of(exports.FORMATS),
    )
    def get(self, request: Request, dataset_id: UUID, document_id: UUID) -> HttpResponseBase:
        """The segments in order. Imported again with mode `sync`, the file changes nothing.

        With the layout `people` it is a table to read, which has less in it.
        """
        document = self.document(dataset_id, document_id)
        wanted = checked_query(ExportQuery, request)
        kind = FileFormat(wanted["format"])
        if wanted["layout"] == "people":
            portions = people_exports.export_for_people(document, kind)
            return download(portions, people_exports.people_export_name(document, kind), kind)
        portions = exports.export_document(document, kind)
        return download(portions, exports.export_name(document, kind), kind)


class SignedFileView(APIView):
    """A file for who has its link: the link is the permission."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="download_linked_file",
        auth=[],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, token: str) -> HttpResponseBase:
        """The file. 404 once the link is ten minutes old, or the file is gone."""
        linked = exports.open_link(token)
        if linked is None:
            raise NotFound("The link is too old, or its file is no longer stored. Get a new one.")
        return attachment(linked.portions, linked.name, linked.content_type)


class BadRowsView(ApiView):
    """An import's bad rows as a file."""

    @extend_schema(operation_id="download_bad_rows", responses=_file_of(tuple(CONTENT_TYPES)))
    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        """The bad rows in the file's format and columns; `error` has the line and what is wrong.

        Once corrected, the file can be imported as it is.
        """
        bad_rows = bad_rows_of_import(self.import_job(job_id))
        return download(bad_rows.portions, bad_rows.name, bad_rows.format)


class TemplateView(ApiView):
    """A table to fill in."""

    @extend_schema(
        operation_id="download_template",
        parameters=[TemplateQuery],
        responses=_file_of(exports.TEMPLATE_FORMATS),
    )
    def get(self, request: Request) -> HttpResponseBase:
        """A file with every known column and an example row."""
        wanted = checked_query(TemplateQuery, request)
        kind, form = FileFormat(wanted["format"]), DocForm(wanted["doc_form"])
        name = exports.template_name(form, kind)
        return download(exports.template(form, kind), name, kind)

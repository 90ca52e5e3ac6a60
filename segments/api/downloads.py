"""Files on their way out: a document's segments, an import's bad rows, templates to fill in."""

from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from datasets.models import DocForm
from segments.api.views import ApiView, checked_query
from segments.exporting import row_report, segments, templates
from segments.exporting.downloads import download
from segments.exporting.tables import CONTENT_TYPES
from segments.importing.types import FileFormat


class ExportQuery(serializers.Serializer[Any]):
    """Which format the segments are wanted in."""

    format = serializers.ChoiceField(
        [kind.value for kind in segments.FORMATS], default=FileFormat.CSV.value
    )


class TemplateQuery(serializers.Serializer[Any]):
    """Which template is wanted."""

    format = serializers.ChoiceField(
        [kind.value for kind in templates.FORMATS], default=FileFormat.CSV.value
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
        responses=_file_of(segments.FORMATS),
    )
    def get(self, request: Request, dataset_id: UUID, document_id: UUID) -> HttpResponseBase:
        """The segments in their order; imported again by `sync`, the file changes nothing."""
        document = self.document(dataset_id, document_id)
        kind = FileFormat(checked_query(ExportQuery, request)["format"])
        portions = segments.export_document(document, kind)
        return download(portions, segments.export_name(document, kind), kind)


class BadRowsView(ApiView):
    """An import's bad rows as a file."""

    @extend_schema(operation_id="download_bad_rows", responses=_file_of(tuple(FileFormat)))
    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        """Just the bad rows, in the file's format and columns, with what is wrong in `error`.

        Mended, the file can be imported as it is.
        """
        job = self.import_job(job_id)
        source = row_report.source_of(job)
        name = row_report.report_name(job.file_name, source)
        return download(row_report.report_of_job(job), name, source.format)


class TemplateView(ApiView):
    """A table to fill in."""

    @extend_schema(
        operation_id="download_template",
        parameters=[TemplateQuery],
        responses=_file_of(templates.FORMATS),
    )
    def get(self, request: Request) -> HttpResponseBase:
        """A file with every column that is known, and a row that shows how."""
        wanted = checked_query(TemplateQuery, request)
        kind, form = FileFormat(wanted["format"]), DocForm(wanted["doc_form"])
        name = templates.template_name(form, kind)
        return download(templates.template(form, kind), name, kind)

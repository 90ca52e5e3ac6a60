"""What an import would do: the dry run by HTTP."""

from typing import Any, cast
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.models import Document
from segments.api.batch_import import body_of, options_of, uuid_of
from segments.api.parsers import LimitedJSONParser
from segments.api.serializers.imports import (
    BatchImportFormSerializer,
    BatchImportSerializer,
    RowErrorSerializer,
)
from segments.api.views import ApiView
from segments.services.previews import look_at
from segments.services.reports import report_dry_run
from segments.uploads import find_upload, received_file, refuse_large_body, upload_storage


class ChangeSerializer(serializers.Serializer[Any]):
    """A segment before and after; of an update, the parts that differ."""

    kind = serializers.ChoiceField(["create", "update", "remove"])
    line = serializers.IntegerField(allow_null=True)
    position = serializers.IntegerField(allow_null=True)
    before = serializers.DictField(allow_null=True)
    after = serializers.DictField(allow_null=True)


class PlanSerializer(serializers.Serializer[Any]):
    """What the import would do; `cost` is there if a price is set."""

    mode = serializers.CharField()
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    removed = serializers.IntegerField()
    rows_to_embed = serializers.IntegerField()
    tokens_to_embed = serializers.IntegerField()
    cost = serializers.CharField(allow_null=True)
    changes = ChangeSerializer(many=True)


class FileDetailsSerializer(serializers.Serializer[Any]):
    """What the file turned out to be, and what its columns were taken for."""

    format = serializers.CharField()
    encoding = serializers.CharField()
    delimiter = serializers.CharField()
    sheet = serializers.CharField()
    header = serializers.ListField(child=serializers.CharField())
    uses = serializers.ListField(child=serializers.CharField(allow_blank=True))


class PreviewSerializer(serializers.Serializer[Any]):
    """A file looked at; `error` says why it would not be imported."""

    rows = serializers.IntegerField()
    failed = serializers.IntegerField()
    reused = serializers.IntegerField()
    tokens = serializers.IntegerField()
    file_details = FileDetailsSerializer()
    plan = PlanSerializer()
    errors = RowErrorSerializer(many=True)  # type: ignore[assignment]
    notices = serializers.ListField(child=serializers.CharField())
    error = serializers.CharField(allow_null=True)


class PreviewView(ApiView):
    """Looks at a file."""

    only_reads = True
    parser_classes = (MultiPartParser, FormParser, LimitedJSONParser)

    @extend_schema(
        operation_id="preview_import",
        request={
            "multipart/form-data": BatchImportFormSerializer,
            "application/json": BatchImportSerializer,
        },
        responses=PreviewSerializer,
    )
    def post(self, request: Request, dataset_id: UUID, document_id: UUID) -> Response:
        """What importing the file with these options would do. Nothing is stored or changed."""
        document = self.document(dataset_id, document_id)
        refuse_large_body(request)
        found = self._dry_run(request, document)
        shown = report_dry_run(found).as_json() | {
            "file_details": found.file_details.as_json(),
            "notices": found.notices,
        }
        return Response(PreviewSerializer(shown).data)

    def _dry_run(self, request: Request, document: Document) -> Any:
        body = body_of(request)
        options = options_of(body)
        if upload_id := body.get("upload_file_id"):
            stored = find_upload(self.tenant, uuid_of(upload_id), self.key.dataset_id)
            with upload_storage().open(stored.key) as file:
                return look_at(
                    document, cast("Any", file), stored.name, stored.size, options=options
                )
        posted = received_file(request)
        return look_at(
            document, cast("Any", posted), posted.name or "", posted.size or 0, options=options
        )

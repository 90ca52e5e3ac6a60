"""The import itself: a file into a document, and what became of it, in Dify's words."""

import re
from typing import IO, Any, cast
from uuid import UUID

from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from segments.api.parsers import LimitedJSONParser, LinesParser
from segments.api.serializers.imports import (
    BatchImportFormSerializer,
    BatchImportSerializer,
    BulkRowSerializer,
    OptionsSerializer,
    ProgressSerializer,
)
from segments.api.views import ApiView
from segments.files.options import ImportMode, ImportOptions
from segments.models import ImportJob
from segments.models.import_job import ImportSource
from segments.progress import measure, read_progress
from segments.services import imports
from segments.uploads import find_upload, received_file, refuse_large_body

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
NOT_OPTIONS = ("file", "upload_file_id")
BULK_NAME = "rows.jsonl"
IDEMPOTENT = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
    OpenApiParameter.HEADER,
    description="A repeated key returns the first import, or 422 if the file, document or "
    "options differ.",
)


class BatchImportView(ApiView):
    """Imports into a document."""

    parser_classes = (MultiPartParser, FormParser, LimitedJSONParser)

    @extend_schema(
        operation_id="batch_import_segments",
        request={
            "multipart/form-data": BatchImportFormSerializer,
            "application/json": BatchImportSerializer,
        },
        parameters=[IDEMPOTENT],
        responses=ProgressSerializer,
    )
    def post(self, request: Request, dataset_id: UUID, document_id: UUID) -> Response:
        """Start an import, which workers run. Returns its `job_id` at once."""
        document = self.document(dataset_id, document_id)
        key = idempotency_key(request.headers.get("Idempotency-Key"))
        refuse_large_body(request)
        body = body_of(request)
        start: dict[str, Any] = {
            "source": ImportSource.API,
            "user": self.user,
            "options": options_of(body),
            "idempotency_key": key,
        }
        if upload_id := body.get("upload_file_id"):
            stored = find_upload(self.tenant, uuid_of(upload_id), self.key.dataset_id)
            job = imports.start_stored_import(document, stored, **start)
        else:
            file = received_file(request)
            job = imports.start_import(document, file, file.name or "", **start)
        return _answer(job)


class BulkView(ApiView):
    """Rows into a document without a file."""

    parser_classes = (LinesParser,)

    @extend_schema(
        operation_id="bulk_segments",
        request={"application/x-ndjson": BulkRowSerializer},
        parameters=[IDEMPOTENT, OptionsSerializer],
        responses=ProgressSerializer,
    )
    def post(self, request: Request, dataset_id: UUID, document_id: UUID) -> Response:
        """Import JSON objects, one a line, which workers publish all at once.

        Unless `mode` says otherwise, a row with the `external_id` of a segment changes it, and
        others are added. Returns the import, as `batch_import` does.
        """
        document = self.document(dataset_id, document_id)
        key = idempotency_key(request.headers.get("Idempotency-Key"))
        refuse_large_body(request)
        if not hasattr(request.data, "read"):
            raise ParseError("The body is empty. Send JSON objects, one a line.")
        given = {
            name: values[0] if len(values) == 1 else values
            for name, values in request.query_params.lists()
        }
        job = imports.start_import(
            document,
            cast("IO[bytes]", request.data),
            BULK_NAME,
            source=ImportSource.API,
            user=self.user,
            options=options_of({"mode": ImportMode.UPSERT} | given),
            idempotency_key=key,
        )
        return _answer(job)


class BatchImportStatusView(ApiView):
    """How far an import is."""

    @extend_schema(operation_id="batch_import_status", responses=ProgressSerializer)
    def get(self, request: Request, job_id: UUID) -> Response:
        """The state of an import. Poll while `job_status` is waiting or processing."""
        job = self.import_job(job_id)
        return Response(ProgressSerializer(read_progress(job.pk)).data)


def idempotency_key(header: str | None) -> str | None:
    """The key of a request that may be sent again.

    Raises:
        ValidationError: it cannot be one.
    """
    if header is None:
        return None
    if not IDEMPOTENCY_KEY.fullmatch(header.strip()):
        reason = "A key has 1 to 255 visible ASCII characters."
        raise ValidationError({"Idempotency-Key": reason})
    return header.strip()


def options_of(body: dict[str, Any]) -> ImportOptions:
    """The options of an import, out of a body's fields.

    Raises:
        OptionRefused: a field is no option, or its value cannot be used.
        ValidationError: there are characters in it that cannot be kept.
    """
    given = {name: value for name, value in body.items() if name not in NOT_OPTIONS}
    _refuse_unstorable(given)
    return ImportOptions.from_fields(given)


def _refuse_unstorable(value: object) -> None:
    """Options are kept as JSON in PostgreSQL, which has neither NUL nor half characters.

    Raises:
        ValidationError: there is such a character in it.
    """
    if isinstance(value, str) and UNSTORABLE.search(value):
        raise ValidationError("An option contains a NUL or half a character. Remove it.")
    if isinstance(value, dict):
        _refuse_unstorable([*value.keys(), *value.values()])
    elif isinstance(value, list):
        for item in value:
            _refuse_unstorable(item)


def _answer(job: ImportJob) -> Response:
    return Response(ProgressSerializer(measure(job.pk)).data)


def body_of(request: Request) -> dict[str, Any]:
    """The fields of a form or an object; one that was sent several times is a list."""
    data = request.data
    if isinstance(data, QueryDict):
        form = {name: values for name, values in data.lists() if name not in request.FILES}
        return {name: values[0] if len(values) == 1 else values for name, values in form.items()}
    if not isinstance(data, dict):
        raise ValidationError("The body is not a JSON object.")
    return data


def uuid_of(text: object) -> UUID:
    """The id of an uploaded file.

    Raises:
        ValidationError: it is none.
    """
    try:
        return UUID(str(text))
    except ValueError:
        raise ValidationError(
            {"upload_file_id": f"“{text}” is not the id of an uploaded file."}
        ) from None

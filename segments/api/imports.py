"""/v1/imports: the history of imports, and what can be done with one."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from segments.api.pagination import Page, PageQuery, each, page_of
from segments.api.serializers.imports import (
    ImportQuery,
    ImportSerializer,
    RowErrorSerializer,
    import_as_json,
)
from segments.api.views import ApiView, checked_query
from segments.models import ImportJob
from segments.models.import_job import ImportSource
from segments.progress import measured
from segments.services import imports as services


class ImportsView(ApiView):
    """The imports of the tenant."""

    @extend_schema(
        operation_id="list_imports",
        parameters=[PageQuery, ImportQuery],
        responses=page_of(ImportSerializer, "ImportPage"),
    )
    def get(self, request: Request) -> Response:
        """A page of imports, the newest first."""
        wanted = checked_query(ImportQuery, request)
        imports = self.within(ImportJob.objects.filter(dataset__enable_api=True))
        if statuses := wanted.get("status"):
            imports = imports.filter(status__in=statuses)
        for place in ("dataset", "document"):
            if place in wanted:
                imports = imports.filter(**{place: wanted[place]})
        page = Page.of(request)
        newest = imports.order_by("-created_at", "id")
        return Response(page.cut(newest, _as_json))


class ImportView(ApiView):
    """One import."""

    @extend_schema(operation_id="get_import", responses=ImportSerializer)
    def get(self, request: Request, job_id: UUID) -> Response:
        """The import."""
        return _answer(self.import_job(job_id))


class CancelView(ApiView):
    """Ends an import."""

    @extend_schema(operation_id="cancel_import", request=None, responses=ImportSerializer)
    def post(self, request: Request, job_id: UUID) -> Response:
        """End the import; nothing of it becomes visible. 409 if it has ended already."""
        return _answer(services.cancel_import(self.import_job(job_id)))


class RetryView(ApiView):
    """Retries an import."""

    @extend_schema(operation_id="retry_import", request=None, responses=ImportSerializer)
    def post(self, request: Request, job_id: UUID) -> Response:
        """Retry a failed or cancelled import; the response is the new import."""
        ended = self.import_job(job_id)
        return _answer(services.retry_import(ended, source=ImportSource.API, user=self.user))


class ResumeView(ApiView):
    """Resumes an interrupted import."""

    @extend_schema(operation_id="resume_import", request=None, responses=ImportSerializer)
    def post(self, request: Request, job_id: UUID) -> Response:
        """Resume it now from its last checkpoint. 409 if it is not interrupted."""
        return _answer(services.resume_import(self.import_job(job_id)))


class UndoView(ApiView):
    """Undoes an import."""

    @extend_schema(operation_id="undo_import", request=None, responses=ImportSerializer)
    def post(self, request: Request, job_id: UUID) -> Response:
        """Remove what the import added. 409 if later changes depend on it."""
        return _answer(services.undo_import(self.import_job(job_id)))


class ErrorsView(ApiView):
    """The bad rows of an import."""

    @extend_schema(
        operation_id="list_import_errors",
        parameters=[PageQuery],
        responses=page_of(RowErrorSerializer, "RowErrorPage"),
    )
    def get(self, request: Request, job_id: UUID) -> Response:
        """A page of errors, cell by cell; `bad_rows` has the rows themselves."""
        errors = self.import_job(job_id).row_errors.defer("raw")
        page = Page.of(request)
        return Response(page.cut(errors, each(RowErrorSerializer)))


def _as_json(jobs: QuerySet[ImportJob]) -> list[dict[str, Any]]:
    return [import_as_json(job, progress) for job, progress in measured(jobs)]


def _answer(job: ImportJob) -> Response:
    return Response(_as_json(ImportJob.objects.filter(pk=job.pk))[0])

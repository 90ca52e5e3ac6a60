"""Imports in the admin: their history, and a page for each to watch, cancel, retry or undo it."""

from dataclasses import asdict
from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from datasets.exceptions import SegmillError
from datasets.tenant_admin import access_of
from segments.admin import exports, import_upload, import_wizard
from segments.admin.history import HistoryAdmin
from segments.admin.permissions import editable_or_refused, visible_or_404
from segments.admin.segment_filters import BoundedPaginator
from segments.models import ImportJob
from segments.models.import_job import ImportSource, ImportStatus
from segments.progress import ImportProgress, measure
from segments.services import imports
from segments.services import reembeddings as reembedding
from segments.services.bad_rows import bad_rows_of_import
from segments.templatetags.imports import badge
from segments.uploads import download

BY_STARTER = f"created_by__{get_user_model().USERNAME_FIELD}"

ERRORS_SHOWN = 100


@never_cache
@require_http_methods(["GET", "HEAD"])
def import_page(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Where the import stands, and once it has ended, what became of it."""
    job = visible_or_404(request, _jobs(), job_id)
    may_edit = access_of(request).may_edit(job.tenant_id)
    is_interrupted = job.status == ImportStatus.INTERRUPTED
    is_undoable = may_edit and job.status == ImportStatus.COMPLETED and not job.undone_at
    why_not_undone = imports.why_not_undone(job) if is_undoable else ""
    context = {
        "title": f"Import of {job.file_name}",
        "job": job,
        "state": _state(job),
        "errors": list(job.row_errors.all()[:ERRORS_SHOWN]),
        "may_import": may_edit and job.is_final,
        "may_cancel": may_edit and not job.is_final,
        "may_retry": may_edit and imports.can_retry(job),
        "is_interrupted": is_interrupted,
        "may_resume": may_edit and is_interrupted,
        "may_undo": is_undoable and not why_not_undone,
        "why_not_undone": why_not_undone,
        "vectors": reembedding.in_progress(job.dataset) if job.embeds_later else None,
        "retries": list(job.retries.order_by("created_at")),
    }
    site = admin.site.each_context(request)
    return render(request, "admin/segments/import_job.html", {**site, **context})


@never_cache
@require_http_methods(["GET", "HEAD"])
def import_state(request: HttpRequest, job_id: UUID) -> JsonResponse:
    """Where the import stands, for the page that watches it."""
    return JsonResponse(_state(visible_or_404(request, _jobs(), job_id)))


@require_http_methods(["GET", "HEAD"])
def bad_rows_file(request: HttpRequest, job_id: UUID) -> StreamingHttpResponse:
    """The bad rows in the format of their file, with what is wrong, to correct and import again."""
    job = visible_or_404(request, _jobs(), job_id)
    bad_rows = bad_rows_of_import(job)
    return download(bad_rows.portions, bad_rows.name, bad_rows.format)


@require_POST
def cancel_import(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """End the import; nothing of it becomes visible."""
    job = editable_or_refused(request, _jobs(), job_id)
    try:
        imports.cancel_import(job, f"Cancelled by {request.user}. Nothing was imported.")
    except SegmillError as refusal:
        messages.error(request, str(refusal))
    return _to_page(job)


@require_POST
def retry_import(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Retry the import, and go to the new one's page."""
    job = editable_or_refused(request, _jobs(), job_id)
    try:
        user = cast("User", request.user)  # admin pages are for users who are logged in
        return _to_page(imports.retry_import(job, source=ImportSource.ADMIN, user=user))
    except SegmillError as refusal:
        messages.error(request, str(refusal))
        return _to_page(job)


@require_POST
def resume_import(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Resume an interrupted import now instead of after its pause."""
    job = editable_or_refused(request, _jobs(), job_id)
    try:
        imports.resume_import(job)
    except SegmillError as refusal:
        messages.error(request, str(refusal))
    return _to_page(job)


@require_http_methods(["GET", "HEAD", "POST"])
def undo_import(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Ask, and once confirmed take back what the import added."""
    job = editable_or_refused(request, _jobs(), job_id)
    if request.method != "POST":
        context = {
            "title": f"Undo the import of {job.file_name}?",
            "job": job,
            "why_not": imports.why_not_undone(job),
            "count": imports.segments_to_undo(job),
        }
        site = admin.site.each_context(request)
        return render(request, "admin/segments/import_undo.html", {**site, **context})
    try:
        imports.undo_import(job)
    except SegmillError as refusal:
        messages.error(request, str(refusal))
    return _to_page(job)


def _jobs() -> QuerySet[ImportJob]:
    return ImportJob.objects.select_related("document", "dataset", "created_by", "retry_of")


def _to_page(job: ImportJob) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:segments_importjob_change", args=[job.pk]))


def _state(job: ImportJob) -> dict[str, Any]:
    """The progress with its words and its chart, as the page's script reads it."""
    progress: ImportProgress = measure(job.pk)
    return asdict(progress) | {
        "words": ImportStatus(progress.status).label,
        "is_final": progress.is_final,
        "rows_staged": job.rows_staged,
        "has_vectors": bool(job.embedding_model) and not job.embeds_later,
        "chart": [asdict(rate) for rate in imports.progress_rates(job)],
    }


@admin.register(ImportJob)
class ImportJobAdmin(HistoryAdmin[ImportJob]):
    """Imports are looked at here; they change by what is done with them, never by a form."""

    list_display = (
        "state",
        "file_name",
        "document",
        "rows",
        "started_by",
        "started",
        "duration",
    )
    list_display_links = ("state", "file_name")
    list_filter = ("status", "source", "created_at", ("tenant", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("document", "created_by")
    paginator = BoundedPaginator
    show_full_result_count = False
    search_fields = ("file_name", "document__name")

    pages = (
        ("upload/", import_upload.upload, "upload"),
        ("upload/look/", import_upload.look, "look"),
        ("upload/look/bad-rows/", import_upload.look_bad_rows, "look_bad_rows"),
        ("upload/accept/", import_upload.accept, "accept"),
        ("new/<uuid:document_id>/", import_wizard.new_import, "new"),
        ("new/<uuid:document_id>/bad-rows/", import_wizard.preview_bad_rows, "preview_bad_rows"),
        ("new/<uuid:document_id>/preview/", import_wizard.preview_page, "preview"),
        ("new/<uuid:document_id>/confirm/", import_wizard.confirm_import, "confirm"),
        ("<uuid:job_id>/state.json", import_state, "state"),
        ("<uuid:job_id>/bad-rows/", bad_rows_file, "bad_rows"),
        ("export/<uuid:document_id>/<str:kind>/", exports.export_file, "export"),
        ("people/<uuid:document_id>/<str:kind>/", exports.people_file, "people"),
        ("template/<str:doc_form>/<str:kind>/", exports.template_file, "template"),
        ("<uuid:job_id>/cancel/", cancel_import, "cancel"),
        ("<uuid:job_id>/retry/", retry_import, "retry"),
        ("<uuid:job_id>/resume/", resume_import, "resume"),
        ("<uuid:job_id>/undo/", undo_import, "undo"),
    )
    page = import_page

    @admin.display(description="state", ordering="status")
    def state(self, job: ImportJob) -> SafeString:
        """The state as a coloured badge; the words say it too."""
        return badge(job)

    @admin.display(ordering="rows_total")
    def rows(self, job: ImportJob) -> str:
        """The rows of the file, and how many of them could not be taken."""
        bad = f", {job.rows_failed:,} bad" if job.rows_failed else ""
        return f"{job.rows_total:,}{bad}"

    @admin.display(description="started by", ordering=BY_STARTER)
    def started_by(self, job: ImportJob) -> str:
        """Who started it, where that is known, and through which source."""
        source = job.get_source_display()
        return f"{job.created_by} ({source})" if job.created_by else source

    @admin.display(ordering="created_at")
    def started(self, job: ImportJob) -> str:
        """When, in the installation's time zone."""
        return f"{localtime(job.created_at):%Y-%m-%d %H:%M}"

    @admin.display
    def duration(self, job: ImportJob) -> str:
        """How long it took, once it has ended."""
        return f"{job.seconds.total:,.1f} s" if job.finished_at and job.started_at else "–"

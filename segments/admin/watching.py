"""An import's own page: watched while it runs, and what can be done with it."""

from dataclasses import asdict
from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
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
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from datasets.exceptions import SegmillError
from datasets.tenant_admin import access_of
from segments import bad_rows, services
from segments.admin.reaching import editable_or_refused, visible_or_404
from segments.exporting import row_report
from segments.exporting.downloads import download
from segments.importing import samples
from segments.importing.submit import RETRIED_STATUSES
from segments.models import ImportJob
from segments.models.import_job import Door, ImportStatus
from segments.progress import ImportProgress, measure
from segments.reembedding import services as reembedding
from segments.uploads import is_stored

ERRORS_SHOWN = 100


@never_cache
@require_http_methods(["GET", "HEAD"])
def import_page(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Where the import stands, and once it has ended, what became of it."""
    job = visible_or_404(request, _jobs(), job_id)
    may_edit = access_of(request).may_edit(job.tenant_id)
    is_interrupted = job.status == ImportStatus.INTERRUPTED
    context = {
        "title": f"Import of {job.file_name}",
        "job": job,
        "state": _state(job),
        "errors": list(job.row_errors.all()[:ERRORS_SHOWN]),
        "may_import": may_edit and job.is_final,
        "may_cancel": may_edit and not job.is_final,
        "may_retry": may_edit and job.status in RETRIED_STATUSES and is_stored(job.file_key),
        "is_interrupted": is_interrupted,
        "may_resume": may_edit and is_interrupted,
        "may_undo": may_edit and job.status == ImportStatus.COMPLETED and not job.undone_at,
        "vectors": reembedding.under_way(job.dataset) if job.embeds_later else None,
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
    """All bad rows of the import that were kept, as CSV: what is wrong, cell by cell."""
    job = visible_or_404(request, _jobs(), job_id)
    name = bad_rows.file_name(job)
    response = StreamingHttpResponse(bad_rows.csv_lines(job), content_type=bad_rows.CONTENT_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_http_methods(["GET", "HEAD"])
def rows_to_mend(request: HttpRequest, job_id: UUID) -> StreamingHttpResponse:
    """Just the bad rows, in the format of their file, to be mended and imported as they are."""
    job = visible_or_404(request, _jobs(), job_id)
    source = row_report.source_of(job)
    name = row_report.report_name(job.file_name, source)
    return download(row_report.report_of_job(job), name, source.format)


@require_POST
def cancel_import(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """End the import; nothing of it becomes visible."""
    job = editable_or_refused(request, _jobs(), job_id)
    try:
        services.cancel_import(job, f"Cancelled by {request.user}; nothing was imported.")
    except SegmillError as refusal:
        messages.error(request, str(refusal))
    return _to_page(job)


@require_POST
def retry_import(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Start the import anew, and go to the new one's page."""
    job = editable_or_refused(request, _jobs(), job_id)
    try:
        user = cast("User", request.user)  # admin pages are for users who are logged in
        return _to_page(services.retry_import(job, door=Door.ADMIN, user=user))
    except SegmillError as refusal:
        messages.error(request, str(refusal))
        return _to_page(job)


@require_POST
def resume_import(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Let an interrupted import go on now instead of after its pause."""
    job = editable_or_refused(request, _jobs(), job_id)
    try:
        services.resume_import(job)
    except SegmillError as refusal:
        messages.error(request, str(refusal))
    return _to_page(job)


@require_http_methods(["GET", "HEAD", "POST"])
def undo_import(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Ask, and once confirmed take back what the import added."""
    job = editable_or_refused(request, _jobs(), job_id)
    if request.method != "POST":
        context = {"title": f"Undo the import of {job.file_name}?", "job": job}
        site = admin.site.each_context(request)
        return render(request, "admin/segments/import_undo.html", {**site, **context})
    try:
        services.undo_import(job)
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
        "chart": [asdict(rate) for rate in samples.rates(job)],
    }

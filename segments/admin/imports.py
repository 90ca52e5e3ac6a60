"""The history of imports in the admin: who imported what from where, and what became of it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from datasets.tenant_admin import TenantScopedAdmin
from segments.admin.paging import BoundedPaginator
from segments.models import ImportJob


@admin.register(ImportJob)
class ImportJobAdmin(TenantScopedAdmin[ImportJob]):
    """Imports are looked at here; they change by what is done with them, never by a form."""

    list_display = (
        "state",
        "file_name",
        "document",
        "rows",
        "bad_rows",
        "started_by",
        "door",
        "created_at",
        "duration",
    )
    list_display_links = ("state", "file_name")
    list_filter = ("status", "door", "created_at", ("tenant", admin.RelatedOnlyFieldListFilter))
    list_per_page = 50
    list_select_related = ("document", "created_by")
    paginator = BoundedPaginator
    show_full_result_count = False
    search_fields = ("file_name", "document__name")

    class Media:
        css = {"all": ("segments/imports.css",)}  # noqa: RUF012

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: an import starts from its document's page."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: history is read."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: history stays as long as its document."""
        return False

    @admin.display(description="state", ordering="status")
    def state(self, job: ImportJob) -> SafeString:
        """The state as a coloured badge; the words say it too."""
        return badge(job)

    @admin.display(ordering="rows_total")
    def rows(self, job: ImportJob) -> str:
        """The rows of the file."""
        return f"{job.rows_total:,}"

    @admin.display(description="bad rows", ordering="rows_failed")
    def bad_rows(self, job: ImportJob) -> str:
        """The rows that could not be taken."""
        return f"{job.rows_failed:,}"

    @admin.display(description="by", ordering="created_by__username")
    def started_by(self, job: ImportJob) -> str:
        """Who started it, where that is known."""
        return job.created_by.get_username() if job.created_by else "–"

    @admin.display
    def duration(self, job: ImportJob) -> str:
        """How long it took, once it has ended."""
        return f"{job.seconds.total:,.1f} s" if job.finished_at and job.started_at else "–"


def badge(job: ImportJob) -> SafeString:
    """The state of `job`, coloured: the class says which state, the text says it in words."""
    status, words = (
        ("undone", "Undone") if job.undone_at else (job.status, job.get_status_display())
    )
    return format_html('<span class="import-badge import-badge-{}">{}</span>', status, words)

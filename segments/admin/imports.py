"""The history of imports in the admin: who imported what from where, and what became of it."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from segments.admin import exporting, importing, watching
from segments.admin.badges import badge
from segments.admin.history import HistoryAdmin
from segments.admin.paging import BoundedPaginator
from segments.models import ImportJob


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
    list_filter = ("status", "door", "created_at", ("tenant", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("document", "created_by")
    paginator = BoundedPaginator
    show_full_result_count = False
    search_fields = ("file_name", "document__name")

    pages = (
        ("new/<uuid:document_id>/", importing.new_import, "new"),
        ("new/<uuid:document_id>/preview/", importing.preview_import, "preview"),
        ("new/<uuid:document_id>/confirm/", importing.confirm_import, "confirm"),
        ("<uuid:job_id>/state.json", watching.import_state, "state"),
        ("<uuid:job_id>/bad-rows.csv", watching.bad_rows_file, "bad_rows"),
        ("<uuid:job_id>/rows-to-mend/", watching.rows_to_mend, "mend"),
        ("export/<uuid:document_id>/<str:kind>/", exporting.export_file, "export"),
        ("template/<str:doc_form>/<str:kind>/", exporting.template_file, "template"),
        ("<uuid:job_id>/cancel/", watching.cancel_import, "cancel"),
        ("<uuid:job_id>/retry/", watching.retry_import, "retry"),
        ("<uuid:job_id>/resume/", watching.resume_import, "resume"),
        ("<uuid:job_id>/undo/", watching.undo_import, "undo"),
    )
    page = watching.import_page

    @admin.display(description="state", ordering="status")
    def state(self, job: ImportJob) -> SafeString:
        """The state as a coloured badge; the words say it too."""
        return badge(job)

    @admin.display(ordering="rows_total")
    def rows(self, job: ImportJob) -> str:
        """The rows of the file, and how many of them could not be taken."""
        bad = f", {job.rows_failed:,} bad" if job.rows_failed else ""
        return f"{job.rows_total:,}{bad}"

    @admin.display(description="started by", ordering="created_by__username")
    def started_by(self, job: ImportJob) -> str:
        """Who started it, where that is known, and through which door."""
        door = job.get_door_display()
        return f"{job.created_by} ({door})" if job.created_by else door

    @admin.display(ordering="created_at")
    def started(self, job: ImportJob) -> str:
        """When, in the installation's time zone."""
        return f"{localtime(job.created_at):%Y-%m-%d %H:%M}"

    @admin.display
    def duration(self, job: ImportJob) -> str:
        """How long it took, once it has ended."""
        return f"{job.seconds.total:,.1f} s" if job.finished_at and job.started_at else "–"

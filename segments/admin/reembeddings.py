"""The history of reembeddings in the admin: which dataset got which model, and what came of it."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from segments.admin import reembedding
from segments.admin.history import HistoryAdmin
from segments.models import Reembedding


@admin.register(Reembedding)
class ReembeddingAdmin(HistoryAdmin[Reembedding]):
    """Reembeddings are looked at here; they begin on their dataset's page."""

    list_display = ("state", "dataset", "vectors_of", "texts", "started_by", "created_at")
    list_display_links = ("state", "dataset")
    list_filter = ("status", "purpose", ("tenant", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("dataset", "created_by")
    search_fields = ("dataset__name", "embedding_model")

    pages = (
        ("new/<uuid:dataset_id>/", reembedding.new_reembedding, "new"),
        ("<uuid:reembedding_id>/cancel/", reembedding.cancel_reembedding, "cancel"),
        ("<uuid:reembedding_id>/resume/", reembedding.resume_reembedding, "resume"),
    )
    page = reembedding.reembedding_page

    @admin.display(description="state", ordering="status")
    def state(self, work: Reembedding) -> SafeString:
        """The state as a coloured badge; the words say it too."""
        words = work.get_status_display()
        return format_html(
            '<span class="import-badge import-badge-{}">{}</span>', work.status, words
        )

    @admin.display(description="model", ordering="embedding_model")
    def vectors_of(self, work: Reembedding) -> str:
        """The model the vectors are of."""
        return work.embedding_model

    @admin.display(description="texts", ordering="texts_total")
    def texts(self, work: Reembedding) -> str:
        """How many were embedded, of how many."""
        return f"{work.texts_embedded:,} of {work.texts_total:,}"

    @admin.display(description="started by", ordering="created_by__username")
    def started_by(self, work: Reembedding) -> str:
        """Who asked for it, where that is known."""
        return str(work.created_by) if work.created_by else "–"

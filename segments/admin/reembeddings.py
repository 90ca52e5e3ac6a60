"""The history of reembeddings in the admin: which dataset got which model, and what came of it."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from datasets.lookup import as_uuid
from datasets.tenant_admin import TenantScopedAdmin
from segments.admin import reembedding
from segments.models import Reembedding


@admin.register(Reembedding)
class ReembeddingAdmin(TenantScopedAdmin[Reembedding]):
    """Reembeddings are looked at here; they begin on their dataset's page."""

    list_display = ("state", "dataset", "vectors_of", "texts", "started_by", "created_at")
    list_display_links = ("state", "dataset")
    list_filter = ("status", "purpose", ("tenant", admin.RelatedOnlyFieldListFilter))
    list_per_page = 50
    list_select_related = ("dataset", "created_by")
    search_fields = ("dataset__name", "embedding_model")

    class Media:
        css = {"all": ("segments/imports.css",)}  # noqa: RUF012

    def get_urls(self) -> list[URLPattern]:
        """The pages of a reembedding."""
        pages: list[tuple[str, Callable[..., HttpResponseBase], str]] = [
            ("new/<uuid:dataset_id>/", reembedding.new_reembedding, "new"),
            ("<uuid:reembedding_id>/cancel/", reembedding.cancel_reembedding, "cancel"),
            ("<uuid:reembedding_id>/resume/", reembedding.resume_reembedding, "resume"),
        ]
        own = [
            path(route, self.admin_site.admin_view(view), name=f"segments_reembedding_{name}")
            for route, view, name in pages
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The reembedding's own page: there is nothing to fill in."""
        reembedding_id = as_uuid(object_id)
        if reembedding_id is None:
            raise Http404
        return reembedding.reembedding_page(request, reembedding_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: it begins on its dataset's page."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: history is read."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: history stays as long as its dataset."""
        return False

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

"""Segments in the admin: found, read, corrected. Their vectors are never loaded."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path

from datasets.lookup import as_uuid
from datasets.models import Dataset, DocForm, Document
from datasets.tenant_admin import TenantScopedAdmin, access_of
from segments.admin.search_page import act_on_hit, search_page
from segments.admin.segment_filters import (
    ROWS_PAGED,
    BoundedPaginator,
    DatasetFilter,
    DocumentFilter,
    ImportFilter,
    found_segments,
)
from segments.admin.segment_forms import SegmentForm
from segments.admin.segment_pages import (
    OutsideTransaction,
    add_page,
    changed_words,
    deleted_page,
    history_page,
    restore_change,
    together_page,
    user_of,
)
from segments.models import DocumentSegment
from segments.services.bulk_edits import switch_segments
from segments.services.segments import apply_edit, delete_segments

LISTED_CHARS = 160
# A tenant with more of them has its share of the table anyhow.
DOCUMENTS_NAMED = 1_000
READ_ONLY_FIELDS = (
    "characters",
    "tokens",
    "hit_count",
    "external_id",
    "index_node_hash",
    "import_job",
    "created_by",
    "created_at",
    "updated_by",
    "updated_at",
)


@admin.register(DocumentSegment)
class SegmentAdmin(OutsideTransaction, TenantScopedAdmin[DocumentSegment]):
    """Segments come from imports, some by hand; here they are read, corrected and removed."""

    form = SegmentForm
    # Segments have no index of their tenants; their documents lead to them.
    tenant_path = "document__tenant"
    list_display = ("excerpt", "answer_excerpt", "document", "position", "enabled")
    list_display_links = ("excerpt",)
    list_filter = (DatasetFilter, DocumentFilter, ImportFilter, "enabled")
    list_per_page = 50
    actions = ("switch_on", "switch_off", "change_together")
    list_select_related = ("document",)
    paginator = BoundedPaginator
    show_full_result_count = False
    search_fields = ("content",)
    search_help_text = (
        "Search by words (“exact phrase”, -without, or), external id or id. "
        f"The list shows at most {ROWS_PAGED:,} segments; use filters to find others."
    )
    readonly_fields = ("document", "position", *READ_ONLY_FIELDS)

    def get_fieldsets(self, request: HttpRequest, obj: DocumentSegment | None = None) -> Any:
        """The text first; only questions have answers."""
        has_answer = obj is not None and obj.document.doc_form == DocForm.QA
        text = ("content", "answer") if has_answer else ("content",)
        shown = ("document", "position", *text, "keywords", "metadata", "enabled")
        return [
            (None, {"fields": shown}),
            ("Details", {"classes": ("collapse",), "fields": READ_ONLY_FIELDS}),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DocumentSegment]:
        """With neither vectors nor full-text entries."""
        segments = super().get_queryset(request).defer("embedding", "search_vector")
        access = access_of(request)
        if access.everywhere:
            return segments
        # By name: PostgreSQL would walk through those of all tenants, in the order of the list.
        documents = access.visible(Document.objects.order_by()).values_list("pk", flat=True)
        ids = list(documents[: DOCUMENTS_NAMED + 1])
        return segments if len(ids) > DOCUMENTS_NAMED else segments.filter(document__in=ids)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """As an index has them: by document, then by position."""
        return ("document_id", "position")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[DocumentSegment], search_term: str
    ) -> tuple[QuerySet[DocumentSegment], bool]:
        """Through indexes, in the language of each dataset that is looked into."""
        if not search_term:
            return queryset, False
        return found_segments(queryset, search_term, self._datasets(request)), False

    def _datasets(self, request: HttpRequest) -> QuerySet[Dataset]:
        """Those the user may see; the one that is filtered for, alone."""
        datasets = access_of(request).visible(Dataset.objects.all())
        dataset = as_uuid(request.GET.get(DatasetFilter.parameter_name, ""))
        document = as_uuid(request.GET.get(DocumentFilter.parameter_name, ""))
        if dataset:
            return datasets.filter(pk=dataset)
        return datasets.filter(documents=document) if document else datasets

    def get_urls(self) -> list[URLPattern]:
        """Its own pages, before those that every admin has."""
        view, name = self.admin_site.admin_view, "segments_documentsegment"
        return [
            path("search/", view(search_page), name=f"{name}_search"),
            path("search/<uuid:segment_id>/", view(act_on_hit), name=f"{name}_hit"),
            path("restore/<int:change_id>/", view(restore_change), name=f"{name}_restore"),
            path("deleted/<uuid:document_id>/", view(deleted_page), name=f"{name}_deleted"),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Its own page, which waits for a model outside of a transaction."""
        return add_page(request)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Old and new texts instead of the names of fields."""
        segment = self.get_object(request, object_id)
        if segment is None:
            raise Http404
        return history_page(request, segment)

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[DocumentSegment]) -> None:
        """Search finds them again."""
        self._switch(request, queryset, on=True)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[DocumentSegment]) -> None:
        """Search no longer finds them."""
        self._switch(request, queryset, on=False)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[DocumentSegment], *, on: bool
    ) -> None:
        chosen = self._editable(request, queryset)
        if chosen is None:
            return
        ids = list(chosen.values_list("pk", flat=True))
        changed = switch_segments(ids, on=on, user=user_of(request))
        self.message_user(request, changed_words(changed, len(ids)), messages.SUCCESS)

    @admin.action(description="Set keywords or metadata", permissions=["change"])
    def change_together(
        self, request: HttpRequest, queryset: QuerySet[DocumentSegment]
    ) -> HttpResponse | None:
        """A page that asks what to set."""
        chosen = self._editable(request, queryset)
        return None if chosen is None else together_page(request, chosen)

    def _editable(
        self, request: HttpRequest, segments: QuerySet[DocumentSegment]
    ) -> QuerySet[DocumentSegment] | None:
        """Those of a selection that the user may change; None, with a message, for too many."""
        chosen = access_of(request).editable(segments.order_by(), self.tenant_path)
        if chosen[: ROWS_PAGED + 1].count() <= ROWS_PAGED:
            return chosen
        text = f"Select at most {ROWS_PAGED:,} segments at a time, for example by a filter."
        self.message_user(request, text, messages.ERROR)
        return None

    def save_model(
        self, request: HttpRequest, obj: DocumentSegment, form: ModelForm[Any], change: bool
    ) -> None:
        """Through the service, which keeps everything in agreement."""
        if isinstance(form, SegmentForm) and form.edit is not None:
            apply_edit(form.edit, user_of(request))

    def delete_model(self, request: HttpRequest, obj: DocumentSegment) -> None:
        """Through the service, which keeps the totals right."""
        delete_segments([obj.pk], user_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[DocumentSegment]) -> None:
        """Through the service, which keeps the totals right."""
        delete_segments(queryset.values_list("pk", flat=True), user_of(request))

    @admin.display(description="characters", ordering="word_count")
    def characters(self, segment: DocumentSegment) -> str:
        """How long content and answer are together."""
        return f"{segment.word_count:,}"

    @admin.display(description="content")
    def excerpt(self, segment: DocumentSegment) -> str:
        """The beginning of the content."""
        return _excerpt(segment.content)

    @admin.display(description="answer")
    def answer_excerpt(self, segment: DocumentSegment) -> str:
        """The beginning of the answer."""
        return _excerpt(segment.answer or "") or "–"


def _excerpt(text: str) -> str:
    return text[:LISTED_CHARS] + ("…" if len(text) > LISTED_CHARS else "")

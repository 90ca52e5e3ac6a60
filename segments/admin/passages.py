"""Passages of hierarchical documents in the admin: found, read with their parts, corrected."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join

from datasets.exceptions import SegmillError
from datasets.tenant_admin import TenantScopedAdmin
from segments.admin.segment_filters import (
    ROWS_PAGED,
    BoundedPaginator,
    DatasetFilter,
    DocumentFilter,
)
from segments.admin.segment_forms import WIDE, KeywordsField
from segments.admin.segment_pages import OutsideTransaction, user_of
from segments.models import ParentSegment
from segments.services.parents import (
    PreparedParent,
    apply_parent,
    children_of,
    delete_parents,
    prepare_parent,
)
from segments.services.segments import SegmentChanges

LISTED_CHARS = 160


class PassageForm(forms.ModelForm[ParentSegment]):
    """A passage, checked as a row of a file is."""

    keywords = KeywordsField(required=False)
    cut_again = forms.BooleanField(
        required=False,
        label="Cut into parts again",
        help_text="Search finds a passage by its parts. Unless you tick this, they stay.",
    )
    change: PreparedParent | None = None

    class Meta:
        model = ParentSegment
        fields = ("content", "keywords", "enabled")
        widgets: ClassVar = {"content": forms.Textarea(attrs={"rows": 12, **WIDE})}

    def clean(self) -> dict[str, Any]:
        """Prepare the change; new parts are embedded here."""
        cleaned = super().clean() or {}
        if not self.errors and self.has_changed():
            stored = ParentSegment.objects.select_related("document__dataset")
            try:
                self.change = prepare_parent(
                    stored.get(pk=self.instance.pk),
                    SegmentChanges(
                        content=cleaned["content"],
                        keywords=cleaned["keywords"] or [],
                        enabled=cleaned["enabled"],
                    ),
                    regenerates_parts=cleaned["cut_again"],
                )
            except SegmillError as refused:
                self.add_error(None, str(refused))
        return cleaned


@admin.register(ParentSegment)
class PassageAdmin(OutsideTransaction, TenantScopedAdmin[ParentSegment]):
    """Passages come from imports or programs; here they are read, corrected and removed."""

    form = PassageForm
    # Passages have no index of their tenants; their documents lead to them.
    tenant_path = "document__tenant"
    fields = ("document", "position", "content", "keywords", "enabled", "cut_again", "parts")
    readonly_fields = ("document", "position", "parts")
    list_display = ("excerpt", "document", "position", "hit_count", "enabled")
    list_filter = (DatasetFilter, DocumentFilter, "enabled")
    list_per_page = 50
    list_select_related = ("document",)
    paginator = BoundedPaginator
    show_full_result_count = False
    search_fields = ("content",)
    search_help_text = (
        f"Search for a part of the text. The list shows at most {ROWS_PAGED:,} passages; use "
        "filters to find others."
    )
    ordering = ("document_id", "position")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: they come from imports and programs."""
        return False

    def save_model(self, request: HttpRequest, obj: ParentSegment, form: Any, change: bool) -> None:
        """Through the service, which keeps passage and parts in agreement."""
        if form.change is not None:
            apply_parent(form.change, user_of(request))

    def delete_model(self, request: HttpRequest, obj: ParentSegment) -> None:
        """With its parts."""
        delete_parents(obj.document, [obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ParentSegment]) -> None:
        """With their parts."""
        for passage in queryset.select_related("document"):
            delete_parents(passage.document, [passage.pk])

    @admin.display(description="content")
    def excerpt(self, passage: ParentSegment) -> str:
        """The beginning of the text."""
        more = "…" if len(passage.content) > LISTED_CHARS else ""
        return passage.content[:LISTED_CHARS] + more

    @admin.display(description="parts")
    def parts(self, passage: ParentSegment) -> str:
        """The texts that it is found by, in their order."""
        texts = children_of(passage).values_list("content")
        return format_html_join("", "<p>{}</p>", texts) or "–"

"""Segments in the admin: found, read, corrected. Their vectors are never loaded."""

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_protect

from datasets.exceptions import SegmillError
from datasets.lookup import as_uuid
from datasets.models import Dataset, DocForm, Document
from datasets.tenant_admin import TenantScopedAdmin, access_of
from segments.admin.segment_filters import (
    ROWS_PAGED,
    BoundedPaginator,
    DatasetFilter,
    DocumentFilter,
    ImportFilter,
    found_segments,
)
from segments.exceptions import SegmentRefused
from segments.models import DocumentSegment
from segments.services.segments import (
    NewText,
    PreparedEdit,
    apply_edit,
    delete_segments,
    prepare_edit,
)


class SegmentForm(forms.ModelForm[DocumentSegment]):
    """The text of a segment; `edit` holds the checked change once the form is valid."""

    edit: PreparedEdit | None = None

    class Meta:
        model = DocumentSegment
        fields: ClassVar = ["content", "answer", "keywords", "enabled"]
        widgets: ClassVar = {
            "content": forms.Textarea(attrs={"rows": 8, "class": "vLargeTextField"}),
            "answer": forms.Textarea(attrs={"rows": 8, "class": "vLargeTextField"}),
            "keywords": forms.TextInput(attrs={"class": "vLargeTextField"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        has_answer = self.instance.document.doc_form == DocForm.QA
        if "answer" in self.fields and not has_answer:
            del self.fields["answer"]

    def clean(self) -> dict[str, Any] | None:
        """Check the text as an import checks a row, and embed it if it is a new one."""
        cleaned = super().clean()
        if not self.errors and cleaned is not None:
            try:
                self.edit = prepare_edit(self.instance.pk, _new_text(cleaned))
            except SegmentRefused as refusal:
                for problem in refusal.problems:
                    field = problem.column if problem.column in self.fields else None
                    self.add_error(field, problem.reason)
            except SegmillError as refusal:
                self.add_error(None, str(refusal))
        return cleaned


def _new_text(cleaned: dict[str, Any]) -> NewText:
    return NewText(
        content=cleaned["content"],
        answer=cleaned.get("answer"),
        keywords=cleaned["keywords"] or None,
        enabled=cleaned["enabled"],
    )


LISTED_CHARS = 160
# A tenant with more of them has its share of the table anyhow.
DOCUMENTS_NAMED = 1_000
READ_ONLY_FIELDS = (
    "word_count",
    "tokens",
    "hit_count",
    "external_id",
    "metadata",
    "index_node_hash",
    "import_job",
    "created_by",
    "created_at",
    "updated_by",
    "updated_at",
)


@admin.register(DocumentSegment)
class SegmentAdmin(TenantScopedAdmin[DocumentSegment]):
    """Segments come from imports; here they are looked at, corrected and removed."""

    form = SegmentForm
    # Segments have no index of their tenants; their documents lead to them.
    tenant_path = "document__tenant"
    list_display = ("excerpt", "answer_excerpt", "document", "position", "enabled")
    list_display_links = ("excerpt",)
    list_filter = (DatasetFilter, DocumentFilter, ImportFilter, "enabled")
    list_per_page = 50
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
        shown = ("document", "position", *text, "keywords", "enabled")
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

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: segments come from imports."""
        return False

    @method_decorator(csrf_protect)
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Outside the admin's usual transaction: a change may wait for a model on the network."""
        response: HttpResponse = self._changeform_view(  # type: ignore[attr-defined]
            request, object_id, form_url, extra_context
        )
        return response

    def save_model(
        self, request: HttpRequest, obj: DocumentSegment, form: ModelForm[Any], change: bool
    ) -> None:
        """Through the service, which keeps everything in agreement."""
        if isinstance(form, SegmentForm) and form.edit is not None:
            apply_edit(form.edit, cast("User", request.user))

    def delete_model(self, request: HttpRequest, obj: DocumentSegment) -> None:
        """Through the service, which keeps the totals right."""
        delete_segments([obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[DocumentSegment]) -> None:
        """Through the service, which keeps the totals right."""
        delete_segments(queryset.values_list("pk", flat=True))

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

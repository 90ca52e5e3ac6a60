"""Datasets and documents in the admin, with links to their models, segments and imports."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from datasets.admin import DatasetAdmin, DocumentAdmin
from datasets.models import Dataset, Document, WeightSource
from datasets.tenant_admin import access_of
from segments.search.weights import learn_after_change
from segments.services import reembeddings


@admin.register(Dataset)
class EmbeddedDatasetAdmin(DatasetAdmin):
    """A dataset's page leads to a change of its model, and to the one that is under way."""

    change_form_template = "admin/segments/dataset_change_form.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Also where the weight of meaning comes from."""
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, "weight_comes_from") if obj is not None else fixed

    def save_model(
        self, request: HttpRequest, obj: Dataset, form: ModelForm[Dataset], change: bool
    ) -> None:
        """A weight that was left empty is learned at once."""
        super().save_model(request, obj, form, change)
        if change and "semantic_weight" in form.changed_data:
            transaction.on_commit(partial(learn_after_change, obj.pk))

    @admin.display(description="semantic weight comes from")
    def weight_comes_from(self, dataset: Dataset) -> str:
        """Its source, and from how many questions it was learned or tuned."""
        source = dataset.get_semantic_weight_source_display()
        questions = dataset.semantic_weight_basis.get("questions")
        if dataset.semantic_weight_source == WeightSource.LEARNED and not questions:
            return f"{source}, by their length and language"
        return f"{source}, by {questions:,} questions" if questions else source

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """With what is under way, and whether the user may begin it."""
        dataset = context.get("original")
        if dataset is not None:
            context["reembedding"] = reembeddings.under_way(dataset)
            context["may_embed"] = access_of(request).may_edit(dataset.tenant_id)
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(Document)
class ImportingDocumentAdmin(DocumentAdmin):
    """A document's page leads to its segments, to the history of its imports, and to a new one."""

    change_form_template = "admin/segments/document_change_form.html"
    actions = ("import_file",)

    @admin.action(description="Import a file into the selected document", permissions=["change"])
    def import_file(
        self, request: HttpRequest, queryset: QuerySet[Document]
    ) -> HttpResponse | None:
        """Go to the page of a new import; a file goes into one document."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(
                request, "Select exactly one document to import into.", messages.ERROR
            )
            return None
        if not access_of(request).may_edit(chosen[0].tenant_id):
            text = f"You may view “{chosen[0]}”, but not import into it."
            self.message_user(request, text, messages.ERROR)
            return None
        url = reverse("admin:segments_importjob_new", args=[chosen[0].pk])
        return HttpResponseRedirect(url)

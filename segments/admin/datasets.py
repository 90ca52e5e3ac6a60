"""Datasets and documents in the admin, with links to their models, segments and imports."""

from functools import partial
from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from datasets.admin import DatasetAdmin, DocumentAdmin
from datasets.exceptions import SegmillError
from datasets.models import Dataset, Document, WeightSource
from datasets.tenant_admin import access_of
from datasets.wording import how_many
from segments.admin.permissions import editable_or_refused
from segments.exceptions import StateConflict
from segments.search.weights import learn_after_change
from segments.services import indexes, languages, reembeddings


@admin.register(Dataset)
class EmbeddedDatasetAdmin(DatasetAdmin):
    """A dataset's page leads to a change of its model, and shows how far its index is."""

    change_form_template = "admin/segments/dataset_change_form.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Also where the weight of meaning comes from."""
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, "weight_comes_from") if obj is not None else fixed

    @admin.display(description="semantic weight comes from")
    def weight_comes_from(self, dataset: Dataset) -> str:
        """Its source, and from how many questions it was learned or tuned."""
        source = dataset.get_semantic_weight_source_display()
        questions = dataset.semantic_weight_basis.get("questions")
        if dataset.semantic_weight_source == WeightSource.LEARNED and not questions:
            return f"{source}, by their length and language"
        return f"{source}, by {how_many(questions, 'question')}" if questions else source

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """With what is under way, and whether the user may begin it."""
        dataset = context.get("original")
        if dataset is not None:
            context["reembedding"] = reembeddings.in_progress(dataset)
            context["rebuild"] = languages.in_progress(dataset)
            context["language_advice"] = languages.language_advice(dataset)
            context["may_embed"] = access_of(request).may_edit(dataset.tenant_id)
            context["index"] = indexes.report_index(dataset)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: Dataset, form: ModelForm[Dataset], change: bool
    ) -> None:
        """Store the dataset; another language is a job of its own if there are segments."""
        wanted = (obj.language, obj.text_search_config)
        if change:
            obj.refresh_from_db(fields=["language", "text_search_config"])
        is_changed = change and wanted != (obj.language, obj.text_search_config)
        super().save_model(request, obj, form, change)
        if is_changed:
            self._change_language(request, obj, *wanted)
        if change and "semantic_weight" in form.changed_data:  # one left empty is learned at once
            transaction.on_commit(partial(learn_after_change, obj.pk))

    def _change_language(
        self, request: HttpRequest, dataset: Dataset, language: str, config: str
    ) -> None:
        user = cast("User", request.user)
        try:
            ordered = languages.change_language(dataset, language, config, user=user)
        except StateConflict as conflict:
            self.message_user(request, str(conflict), messages.ERROR)
            return
        if ordered is not None:
            text = "Full text is being rebuilt; search finds everything meanwhile."
            self.message_user(request, text, messages.INFO)

    def get_urls(self) -> list[URLPattern]:
        """What the buttons of the index do, besides what every admin has."""
        routes = {"build": build_index, "drop": drop_index}
        own = [
            path(
                f"<uuid:dataset_id>/index/{name}/",
                self.admin_site.admin_view(view),
                name=f"datasets_dataset_index_{name}",
            )
            for name, view in routes.items()
        ]
        return [*own, *super().get_urls()]


@require_POST
def build_index(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    """Have workers build the index of what is not indexed yet."""
    dataset = editable_or_refused(request, Dataset.objects.all(), dataset_id)
    indexes.start_build(dataset, user=cast("User", request.user))
    messages.success(request, "Workers build the vector index. Reload this page to see how far.")
    return _to_dataset(dataset)


@require_POST
def drop_index(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    """Drop the index, and what is being built: searches compare every vector."""
    dataset = editable_or_refused(request, Dataset.objects.all(), dataset_id)
    try:
        indexes.drop(dataset)
        messages.success(request, "The vector index was dropped.")
    except SegmillError as refusal:
        messages.error(request, str(refusal))
    return _to_dataset(dataset)


def _to_dataset(dataset: Dataset) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:datasets_dataset_change", args=[dataset.pk]))


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

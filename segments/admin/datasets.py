"""Datasets in the admin, with the way to another embedding model."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from datasets.admin import DatasetAdmin
from datasets.models import Dataset
from datasets.tenant_admin import access_of
from segments.reembedding import services


@admin.register(Dataset)
class EmbeddedDatasetAdmin(DatasetAdmin):
    """A dataset's page leads to a change of its model, and to the one that is under way."""

    change_form_template = "admin/segments/dataset_change_form.html"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """With what is under way, and whether the user may begin it."""
        dataset = context.get("original")
        if dataset is not None:
            context["reembedding"] = services.under_way(dataset)
            context["may_embed"] = access_of(request).may_edit(dataset.tenant_id)
        return super().render_change_form(request, context, *args, **kwargs)

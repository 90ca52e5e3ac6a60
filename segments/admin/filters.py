"""Filters of the segment list that offer only what the user may see, and never scan segments."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest

from datasets.lookup import as_uuid
from datasets.models import Dataset, Document
from datasets.tenant_admin import access_of
from segments.models import DocumentSegment, ImportJob

CHOICES_OFFERED = 100

Choices = list[tuple[str, str]]


class _ByIdFilter(admin.SimpleListFilter):
    """Keeps the segments whose `field` is the chosen id."""

    field: str

    def has_output(self) -> bool:
        """Also for an id that is not offered: it must not be passed over in silence."""
        return super().has_output() or self.value() is not None

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[DocumentSegment]
    ) -> QuerySet[DocumentSegment]:
        """The segments of the chosen one; none for what is no id."""
        if not self.value():
            return queryset
        chosen = as_uuid(self.value() or "")
        return queryset.filter(**{self.field: chosen}) if chosen else queryset.none()


class DatasetFilter(_ByIdFilter):
    """The datasets of the user's tenants."""

    title, parameter_name, field = "dataset", "dataset", "dataset_id"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        """By name."""
        datasets = access_of(request).visible(Dataset.objects.all())
        pairs = datasets.values_list("pk", "name")[:CHOICES_OFFERED]
        return [(str(pk), name) for pk, name in pairs]


class DocumentFilter(_ByIdFilter):
    """The documents of the chosen dataset, and the chosen document."""

    title, parameter_name, field = "document", "document", "document_id"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        """By name; without a chosen dataset the list would be long and say little."""
        documents = access_of(request).visible(Document.objects.all())
        dataset = as_uuid(request.GET.get(DatasetFilter.parameter_name, ""))
        chosen = as_uuid(request.GET.get(self.parameter_name, ""))
        if dataset:
            documents = documents.filter(dataset=dataset)
        elif chosen:
            documents = documents.filter(pk=chosen)
        else:
            return []
        return [
            (str(pk), name) for pk, name in documents.values_list("pk", "name")[:CHOICES_OFFERED]
        ]


class ImportFilter(_ByIdFilter):
    """One import, when a link from its page has chosen it."""

    title, parameter_name, field = "import", "import", "import_job_id"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        """The chosen one alone."""
        chosen = as_uuid(request.GET.get(self.parameter_name, ""))
        if not chosen:
            return []
        imports = access_of(request).visible(ImportJob.objects.filter(pk=chosen))
        return [(str(pk), name) for pk, name in imports.values_list("pk", "file_name")]

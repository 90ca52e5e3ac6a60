"""Filters, search and paging of the segment list, through indexes alone."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Any, cast
from uuid import UUID

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.postgres.search import CombinedSearchQuery, SearchQuery, SearchQueryField
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.http import HttpRequest

from datasets.lookup import as_uuid
from datasets.models import Dataset, Document
from datasets.tenant_admin import access_of
from segments.languages.analysis import question_text
from segments.models import DocumentSegment, ImportJob
from segments.models.segment import FullTextOfDataset

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


# With more of them, naming the datasets would take longer than looking into all there are.
DATASETS_NAMED = 1_000
# How many segments with one external id are shown: it occurs once in each document.
SAME_ID_SHOWN = 1_000

# The languages in which a word of the question says something: the server has the configuration,
# and not all words are stop words. (Of nothing, and a dataset, all of the dataset would come.)
LANGUAGES_WITH_WORDS = """
    SELECT wanted.config FROM unnest(%s::text[]) AS wanted (config)
    JOIN pg_ts_config ON pg_ts_config.oid::regconfig::text = wanted.config
    WHERE numnode(websearch_to_tsquery(pg_ts_config.oid, %s)) > 0
"""


def found_segments(
    segments: QuerySet[DocumentSegment], text: str, datasets: QuerySet[Dataset]
) -> QuerySet[DocumentSegment]:
    """Those of `segments` that `text` finds in `datasets`: words, an external id, or an id.

    Words are understood as people are used to: “exact phrase”, -without, or.
    """
    wanted = Q(pk__in=_ids(text, datasets))
    for query in _questions(text, datasets):
        wanted |= query
    entry = FullTextOfDataset(F("search_vector"), F("dataset_id"))
    return segments.alias(full_text=entry).filter(wanted)


def _ids(text: str, datasets: QuerySet[Dataset]) -> list[UUID]:
    """The segments that have `text` as an external id, and the one whose id it spells."""
    documents = Document.objects.filter(dataset__in=datasets.order_by().values("pk"))
    named = DocumentSegment.objects.filter(document__in=documents.order_by().values("pk"))
    ids = list(named.filter(external_id=text).values_list("pk", flat=True)[:SAME_ID_SHOWN])
    segment_id = as_uuid(text)
    return [*ids, segment_id] if segment_id else ids


def _questions(text: str, datasets: QuerySet[Dataset]) -> Iterator[Q]:
    """The words, asked of all datasets of a language at once."""
    text = question_text(text, "")
    languages = defaultdict(list)
    for dataset, config in datasets.order_by().values_list("pk", "text_search_config"):
        languages[config].append(dataset)
    for config in _languages_with_words(text, list(languages)):
        words = SearchQuery(text, config=config, search_type="websearch")
        chosen = languages[config]
        if len(chosen) > DATASETS_NAMED:
            same = datasets.order_by().filter(text_search_config=config)
            yield Q(full_text=words, dataset__in=same.values("pk"))
        else:
            yield Q(full_text=CombinedSearchQuery(words, "&&", _any_of(chosen), None))


def _languages_with_words(text: str, configs: list[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(LANGUAGES_WITH_WORDS, [configs, text])
        return [config for (config,) in cursor.fetchall()]


def _any_of(datasets: list[UUID]) -> Cast:
    """The words that stand for the datasets in the index (`segments_full_text_of_dataset`)."""
    words = " | ".join(f"'dataset {dataset}'" for dataset in datasets)
    return Cast(Value(words), SearchQueryField())


# Counting more would take longer than anybody pages through; filters find the rest.
ROWS_PAGED = 10_000


class BoundedPaginator(Paginator[Any]):
    """Counts no further than `ROWS_PAGED`; the pages end there."""

    @cached_property
    def count(self) -> int:
        """The number of rows, or `ROWS_PAGED` if there are more."""
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by()[:ROWS_PAGED].count()

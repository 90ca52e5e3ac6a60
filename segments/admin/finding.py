"""What the search field of the segment list finds: through indexes alone, and in each language.

The full-text index knows neither tenants nor languages, so the datasets to look into are words
of the question (see `FullTextOfDataset`). External ids are looked up document by document.
"""

from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

from django.contrib.postgres.search import CombinedSearchQuery, SearchQuery, SearchQueryField
from django.db import connection
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Cast

from datasets.lookup import as_uuid
from datasets.models import Dataset, Document
from segments.models import DocumentSegment
from segments.models.segment import FullTextOfDataset

# With more of them, naming the datasets would take longer than looking into all there are.
DATASETS_NAMED = 1_000
# An external id stands once in a document, and nobody looks at it in more documents.
SAME_ID_SHOWN = 1_000

# The languages in which a word of the question says something: the server has the configuration,
# and not all words are stop words. (Of nothing, and a dataset, all of the dataset would come.)
TELLING = """
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
    languages = defaultdict(list)
    for dataset, config in datasets.order_by().values_list("pk", "text_search_config"):
        languages[config].append(dataset)
    for config in _telling(text, list(languages)):
        words = SearchQuery(text, config=config, search_type="websearch")
        chosen = languages[config]
        if len(chosen) > DATASETS_NAMED:
            same = datasets.order_by().filter(text_search_config=config)
            yield Q(full_text=words, dataset__in=same.values("pk"))
        else:
            yield Q(full_text=CombinedSearchQuery(words, "&&", _any_of(chosen), None))


def _telling(text: str, configs: list[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(TELLING, [configs, text])
        return [config for (config,) in cursor.fetchall()]


def _any_of(datasets: list[UUID]) -> Cast:
    """The words that stand for the datasets in the index (`segments_full_text_of_dataset`)."""
    words = " | ".join(f"'dataset {dataset}'" for dataset in datasets)
    return Cast(Value(words), SearchQueryField())

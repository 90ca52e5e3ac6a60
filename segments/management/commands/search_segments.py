"""`manage.py search_segments QUERY --dataset NAME`: the segments that answer a question."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.exceptions import SegmillError
from datasets.lookup import find_dataset, find_document, find_tenant
from datasets.models import DEFAULT_TENANT, Dataset
from segments.management.tables import print_hits
from segments.search import (
    LogicalOperator,
    RerankModel,
    SearchFilter,
    SearchMethod,
    SearchResult,
    search_result,
)
from segments.search.filter_sql import unused_names
from segments.search.filters import typed_condition
from segments.search.query import DEFAULT_TOP_K, storable
from segments.search.reranking import Reranking

NO_RERANKING = "none"
METHODS = [method.value for method in SearchMethod]


class Command(BaseCommand):
    """Searches a dataset by meaning, by words, or by both."""

    help = "Search the segments of a dataset."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The question or questions, where to look, and how to answer."""
        asked = parser.add_mutually_exclusive_group(required=True)
        asked.add_argument(
            "query", nargs="?", help="the question; put one that starts with - last, after --"
        )
        asked.add_argument(
            "--queries", type=Path, help="a file with one query per line; prints JSON Lines"
        )
        parser.add_argument("--tenant", default=DEFAULT_TENANT, help="default: %(default)s")
        parser.add_argument("--dataset", required=True, help="its name or id")
        parser.add_argument(
            "--method", choices=METHODS, default=SearchMethod.HYBRID.value,
            help="default: %(default)s",
        )  # fmt: skip
        parser.add_argument("--top-k", type=int, default=DEFAULT_TOP_K, help="default: %(default)s")
        parser.add_argument("--score-threshold", type=float, help="omit hits with a lower score")
        parser.add_argument(
            "--weight",
            type=float,
            help="share of meaning in hybrid, 0 to 1; default: the dataset's own",
        )
        parser.add_argument(
            "--rerank",
            metavar="PROVIDER/MODEL",
            help="order hits by this reranker, or by none (“none”); default: the dataset's own",
        )
        parser.add_argument(
            "--exact", action="store_true", help="compare every vector instead of asking the index"
        )
        _add_filters(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Search and show, or refuse with what to do."""
        names = ("method", "top_k", "score_threshold", "weight", "exact")
        wanted = {name: options[name] for name in names}
        path = options["queries"]
        wanted["rerank"] = _reranker(options["rerank"])
        try:
            dataset = find_dataset(find_tenant(options["tenant"]), options["dataset"])
            wanted["where"] = _filter(dataset, options)
            for query in [options["query"]] if path is None else _lines(path):
                began = perf_counter()
                found = search_result(dataset, query, **wanted)
                milliseconds = (perf_counter() - began) * 1000
                if options["json"] or path is not None:
                    self.stdout.write(_as_json(query, found, milliseconds))
                else:
                    print_hits(found.hits, sys.stdout)
                    self._tell_reranking(found.reranking)
                    if not found.hits:
                        self._tell_unused(dataset, wanted["where"])
        except SegmillError as refusal:
            raise CommandError(str(refusal)) from refusal

    def _tell_unused(self, dataset: Dataset, where: SearchFilter) -> None:
        for name in unused_names(dataset, where):
            self.stderr.write(f"Nothing in this dataset has metadata “{name}”. Check its spelling.")

    def _tell_reranking(self, reranking: Reranking | None) -> None:
        if reranking and not reranking.is_done:
            self.stderr.write(f"Not reranked: {reranking.reason}")


def _add_filters(parser: ArgumentParser) -> None:
    """What hits have to pass; all of it, but any of what is repeated, save --filter."""
    filters = parser.add_argument_group("filters", "of several kinds, all have to hold")
    filters.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="CONDITION",
        help="a condition on metadata, such as 'price >= 10' or 'category is Parts'; "
        "repeated, all have to hold",
    )
    filters.add_argument(
        "--any-filter", action="store_true", help="one --filter that holds is enough"
    )
    repeated: dict[str, Any] = {"action": "append", "metavar": "NAME"}
    filters.add_argument("--document", **repeated, help="in this document (name or id), or …")
    filters.add_argument("--external-id", **repeated, help="with this external id, or …")
    filters.add_argument("--keyword", **repeated, help="with this keyword, or …")
    filters.add_argument(
        "--disabled", action="store_true", help="find segments that are switched off instead"
    )


def _filter(dataset: Dataset, options: dict[str, Any]) -> SearchFilter:
    documents, ids, keywords = (options[name] for name in ("document", "external_id", "keyword"))
    return SearchFilter(
        documents=documents and tuple(find_document(dataset, name).pk for name in documents),
        external_ids=ids and tuple(ids),
        keywords=keywords and tuple(keywords),
        enabled=not options["disabled"],
        conditions=tuple(map(typed_condition, options["filter"])),
        logical_operator=LogicalOperator.OR if options["any_filter"] else LogicalOperator.AND,
    )


def _reranker(named: str | None) -> RerankModel | None:
    """The reranker that was named; None for the dataset's own."""
    if named is None:
        return None
    if named == NO_RERANKING:
        return RerankModel()
    provider, _, model = named.partition("/")
    if not (provider and model):
        raise CommandError(f"--rerank {named}: name it as PROVIDER/MODEL, or {NO_RERANKING}.")
    return RerankModel(provider, model)


def _as_json(query: str, found: SearchResult, milliseconds: float) -> str:
    answer: dict[str, Any] = {
        "query": storable(query),
        "milliseconds": round(milliseconds, 2),
        "hits": [hit.as_json() for hit in found.hits],
    }
    if found.reranking:
        answer["reranking"] = found.reranking.as_json()
    return json.dumps(answer, ensure_ascii=False)


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for line in file:
                yield line.rstrip("\n")
    except OSError as trouble:
        raise CommandError(f"{path} cannot be read: {trouble.strerror}.") from trouble
    except UnicodeDecodeError as trouble:
        raise CommandError(f"{path} is not UTF-8. Save it as UTF-8.") from trouble

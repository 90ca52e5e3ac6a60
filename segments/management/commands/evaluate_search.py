"""`manage.py evaluate_search [QUERIES.json] --dataset NAME`: how good search is on known answers.

Without a file, on the test questions that people kept on the search page.
"""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.exceptions import SegmillError
from datasets.lookup import find_dataset, find_tenant
from datasets.models import DEFAULT_TENANT, Dataset
from segments.management.console import counted
from segments.management.tables import print_curve, print_quality, print_weight
from segments.search import SearchMethod, methods_of
from segments.search.evaluation import (
    Quality,
    Question,
    evaluate,
    read_judgements,
    tune,
    unknown_ids,
)
from segments.search.pseudo_questions import Curve
from segments.services.judgements import kept_questions

METHODS = [method.value for method in SearchMethod]
ALL = "all"


class Command(BaseCommand):
    """Measures nDCG@10, recall@10 and MRR@10 of each method of search."""

    help = "Measure search quality against relevance judgements."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The judged questions, where to look, and how to answer."""
        parser.add_argument(
            "queries",
            type=Path,
            nargs="?",
            help="a file; default: the test questions kept on the search page. "
            '{"queries": {ID: TEXT}, "relevant": {ID: {EXTERNAL_ID: GAIN}}} as JSON',
        )
        parser.add_argument("--tenant", default=DEFAULT_TENANT, help="default: %(default)s")
        parser.add_argument("--dataset", required=True, help="its name or id")
        parser.add_argument(
            "--method", choices=[*METHODS, ALL], default=ALL, help="default: %(default)s"
        )
        parser.add_argument(
            "--tune",
            action="store_true",
            help="first store the semantic weight with which hybrid answers these questions best",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Search for every question and show the means."""
        try:
            dataset = find_dataset(find_tenant(options["tenant"]), options["dataset"])
            questions = self._questions(dataset, options["queries"])
            curve = _tuned(dataset, questions) if options["tune"] else None
            qualities = _measured(dataset, questions, options["method"])
        except SegmillError as refusal:
            raise CommandError(str(refusal)) from refusal
        if options["json"]:
            methods = {method: asdict(quality) for method, quality in qualities.items()}
            answer = {
                "dataset": dataset.name,
                "queries": len(questions),
                "semantic_weight": dataset.semantic_weight,
                "semantic_weight_source": dataset.semantic_weight_source,
                "methods": methods,
            }
            if curve:
                answer["ndcg_at_10_by_weight"] = curve.as_json()
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
        else:
            if curve:
                print_curve(curve, sys.stdout)
            print_quality(qualities, sys.stdout)
            print_weight(dataset, sys.stdout)

    def _questions(self, dataset: Dataset, path: Path | None) -> list[Question]:
        """Those of the file, or those that were kept; what cannot be found is told."""
        if path is not None:
            questions = read_judgements(path)
            self._warn_about_unknown(dataset, questions)
            return questions
        kept = kept_questions(dataset)
        if kept.lost:
            self.stderr.write(
                f"Left out, because their answers are gone: {'; '.join(kept.lost[:5])}"
                f"{', …' if len(kept.lost) > 5 else ''}"
            )
        return kept.questions

    def _warn_about_unknown(self, dataset: Dataset, questions: list[Question]) -> None:
        if unknown := unknown_ids(dataset, questions):
            self.stderr.write(
                f"{len(unknown):,} relevant external ids are not in the dataset and count as "
                f"missed, among them: {', '.join(unknown[:5])}."
            )


def _tuned(dataset: Dataset, questions: list[Question]) -> Curve:
    return tune(dataset, questions, partial(counted, title="tuning", stream=sys.stderr))


def _measured(dataset: Dataset, questions: list[Question], method: str) -> dict[str, Quality]:
    methods = methods_of(dataset) if method == ALL else [SearchMethod(method)]
    return {
        name.value: evaluate(
            dataset, questions, name, partial(counted, title=name.value, stream=sys.stderr)
        )
        for name in methods
    }

"""`manage.py datasets list|delete`: the datasets that there are, and an end to one."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Coalesce

from datasets.exceptions import SegmillError
from datasets.languages import language_name
from datasets.lookup import find_dataset, find_tenant
from datasets.models import DEFAULT_TENANT, Dataset
from segments.management.tables import print_table
from segments.services.knowledge import delete_dataset

COLUMNS = ["name", "tenant", "documents", "segments", "language", "embedding model"]


class Command(BaseCommand):
    """Lists the datasets, or deletes one with everything in it."""

    help = "List datasets, or delete one with its documents and segments."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do, and with which dataset."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listing = actions.add_parser("list", help="all datasets, by name")
        listing.add_argument("--tenant", help="only this tenant's")
        listing.add_argument("--json", action="store_true", help="print one JSON array")
        deleting = actions.add_parser("delete", help="delete a dataset and everything in it")
        deleting.add_argument("dataset", help="its name or id")
        deleting.add_argument("--tenant", default=DEFAULT_TENANT, help="default: %(default)s")
        deleting.add_argument(
            "--yes", action="store_true", help="do not ask; needed where nobody can answer"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and exit with 1 if it is refused."""
        try:
            if options["action"] == "list":
                self._list(options)
            else:
                self._delete(options)
        except SegmillError as refusal:
            raise CommandError(str(refusal)) from refusal

    def _list(self, options: dict[str, Any]) -> None:
        datasets = _counted(Dataset.objects.select_related("tenant").order_by("name", "pk"))
        if options["tenant"]:
            datasets = datasets.filter(tenant=find_tenant(options["tenant"]))
        if options["json"]:
            listed = [_as_json(dataset) for dataset in datasets]
            self.stdout.write(json.dumps(listed, ensure_ascii=False))
        elif rows := [_row(dataset) for dataset in datasets]:
            print_table("Datasets", COLUMNS, rows, self.stdout)
        else:
            self.stdout.write("There are no datasets.")

    def _delete(self, options: dict[str, Any]) -> None:
        dataset = find_dataset(find_tenant(options["tenant"]), options["dataset"])
        found: Any = _counted(Dataset.objects.filter(pk=dataset.pk)).get()
        what = (
            f"“{dataset.name}” with {found.document_count:,} "
            f"{'document' if found.document_count == 1 else 'documents'} and "
            f"{found.segment_count:,} {'segment' if found.segment_count == 1 else 'segments'}"
        )
        if not options["yes"]:
            self._ask(what)
        delete_dataset(dataset)
        self.stdout.write(f"Deleted {what}.")

    def _ask(self, what: str) -> None:
        """Go on if the answer is yes.

        Raises:
            CommandError: it is another one, or nobody is there to answer.
        """
        if not sys.stdin.isatty():
            raise CommandError(f"This deletes {what}. Add --yes to do it.")
        if input(f"Delete {what}? [y/N] ").strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was deleted.")


def _counted(datasets: QuerySet[Dataset]) -> QuerySet[Any]:
    return datasets.annotate(
        document_count=Count("documents"),
        segment_count=Coalesce(Sum("documents__segment_count"), 0),
    )


def _row(dataset: Any) -> list[str]:
    return [
        dataset.name,
        dataset.tenant.name,
        f"{dataset.document_count:,}",
        f"{dataset.segment_count:,}",
        language_name(dataset.language) or "–",
        dataset.embedding_model if dataset.has_vectors else "–",
    ]


def _as_json(dataset: Any) -> dict[str, Any]:
    return {
        "id": str(dataset.pk),
        "name": dataset.name,
        "tenant": dataset.tenant.name,
        "documents": dataset.document_count,
        "segments": dataset.segment_count,
        "language": dataset.language,
        "indexing_technique": dataset.indexing_technique,
        "embedding_model": dataset.model[1],
    }

"""`manage.py dataset_language DATASET --language de`: another language, while search goes on."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.exceptions import SegmillError
from datasets.languages import language_name
from datasets.lookup import find_dataset, find_tenant
from datasets.models import DEFAULT_TENANT, Dataset
from segments.management.console import raised_as_keyboard_interrupt
from segments.models import FullTextRebuild
from segments.models.rebuild import RebuildStatus
from segments.services import languages

STOPPED = (
    "Stopped. Search asks in both languages meanwhile. Running workers continue; to continue "
    "here, run the same command again."
)


class Command(BaseCommand):
    """Shows or changes the language of a dataset."""

    help = (
        "Show the language of a dataset, or change it: full text is rebuilt, and search finds "
        "everything meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The dataset and its new language."""
        parser.add_argument("dataset", help="its name or id")
        parser.add_argument("--tenant", default=DEFAULT_TENANT, help="default: %(default)s")
        parser.add_argument("--language", default="", help="as de or German")
        parser.add_argument(
            "--text-search-config", default="", help="default: that of the language"
        )
        parser.add_argument("--background", action="store_true", help="let workers do it")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is asked, and show how things are now."""
        try:
            dataset = find_dataset(find_tenant(options["tenant"]), options["dataset"])
            with raised_as_keyboard_interrupt():
                _change(dataset, options)
        except SegmillError as refusal:
            raise CommandError(str(refusal)) from refusal
        except KeyboardInterrupt:
            raise CommandError(STOPPED) from None
        dataset.refresh_from_db()
        self._show(dataset, as_json=options["json"])

    def _show(self, dataset: Dataset, *, as_json: bool) -> None:
        rebuild = languages.in_progress(dataset)
        shown = {
            "dataset": dataset.name,
            "language": dataset.language,
            "text_search_config": dataset.text_search_config,
            "rebuilding": round(rebuild.fraction, 4) if rebuild else None,
            "advice": languages.language_advice(dataset),
        }
        if as_json:
            self.stdout.write(json.dumps(shown, ensure_ascii=False))
            return
        name = language_name(dataset.language) or "not known yet"
        self.stdout.write(f"{dataset.name}: {name}, full text by {dataset.text_search_config}")
        if rebuild:
            waits = f" {rebuild.waits_for}" if rebuild.waits_for else ""
            self.stdout.write(f"Full text is being rebuilt: {rebuild.fraction:.0%}.{waits}")
        if shown["advice"]:
            self.stdout.write(str(shown["advice"]))


def _change(dataset: Dataset, options: dict[str, Any]) -> None:
    """Begin what is asked for, or go on with what is under way."""
    wanted = (options["language"], options["text_search_config"])
    if not any(wanted):
        return
    background = options["background"]
    ordered = languages.in_progress(dataset) or languages.change_language(
        dataset, *wanted, background=background
    )
    if ordered is not None and not background:
        _raise_for(languages.run_in_foreground(ordered))


def _raise_for(ended: FullTextRebuild) -> None:
    if ended.status != RebuildStatus.COMPLETED:
        raise CommandError(ended.error or ended.status)

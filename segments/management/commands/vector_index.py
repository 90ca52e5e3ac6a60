"""`manage.py vector_index --dataset NAME`: build, watch, drop or look at a dataset's index."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from datasets.exceptions import SegmillError
from datasets.lookup import find_dataset, find_tenant
from datasets.models import DEFAULT_TENANT, Dataset
from segments.db.errors import explained
from segments.files.types import Progress
from segments.indexing.pulse import Listener
from segments.management.console import ProgressDisplay, raised_as_keyboard_interrupt
from segments.management.tables import Output, print_table
from segments.models import IndexGeneration
from segments.models.indexing import IndexStatus
from segments.services import indexes
from segments.services.indexes import IndexReport, report_index


class Command(BaseCommand):
    """Builds the vector index of a dataset, which workers do by themselves after large imports."""

    help = (
        "Build the vector index of a dataset, while imports and searches go on. Without an "
        "option: leave it to the workers."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The dataset, what to do, and how to answer."""
        parser.add_argument("--dataset", required=True, help="its name or id")
        parser.add_argument("--tenant", default=DEFAULT_TENANT, help="default: %(default)s")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--wait", action="store_true", help="build it here, and wait for it")
        how.add_argument("--drop", action="store_true", help="drop it: searches become exact")
        how.add_argument("--status", action="store_true", help="say how far it is")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is asked, report, and exit with 1 if a build failed."""
        try:
            with raised_as_keyboard_interrupt():
                dataset = find_dataset(find_tenant(options["tenant"]), options["dataset"])
                built = _do(dataset, options)
                report = report_index(dataset)
        except SegmillError as refusal:
            raise CommandError(str(refusal)) from refusal
        except Error as trouble:
            raise CommandError(str(explained(trouble))) from trouble
        except KeyboardInterrupt:
            raise CommandError("Stopped here. Workers go on with it if any run.") from None
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), ensure_ascii=False))
        else:
            _print(report, self.stdout)
        if built and built.status == IndexStatus.FAILED:
            raise CommandError(built.error)


def _do(dataset: Dataset, options: dict[str, Any]) -> IndexGeneration | None:
    """The build that was waited for, if any."""
    if options["status"]:
        return None
    if options["drop"]:
        indexes.drop(dataset)
        return None
    generation = indexes.start_build(dataset, background=not options["wait"])
    if not options["wait"]:
        return None
    return _built(generation)


def _built(generation: IndexGeneration) -> IndexGeneration:
    """Build it; and what it has left, where it did not fit into one generation."""
    with _bar() as display:
        done = indexes.run_in_foreground(generation, display)
        while more := indexes.in_progress(generation.dataset):
            done = indexes.run_in_foreground(more, display)
    return done


@contextmanager
def _bar() -> Iterator[Listener]:
    with ProgressDisplay(sys.stderr) as display:
        yield lambda now: display(_progress_of(now))


def _progress_of(now: IndexGeneration) -> Progress:
    step = now.step or now.waits_for or now.get_status_display()
    fraction = now.fraction if now.steps_total or now.is_final else None
    rows = now.rows if now.is_final else now.steps_done
    return Progress(step.capitalize(), rows, fraction)


def _print(report: IndexReport, stream: Output) -> None:
    lines = [
        ["dataset", report.dataset],
        ["newest build", report.status],
        ["generations", f"{report.generations:,}"],
        ["segments covered", f"{report.rows:,}"],
        ["vectors indexed", f"{report.vectors:,}"],
        ["dimensions", f"{report.dimensions:,}"],
        ["newer segments", f"{report.tail:,}"],
        ["size", f"{report.bytes / 1024 / 1024:,.1f} MiB"],
    ]
    if report.seconds:
        lines.append(["seconds", f"{report.seconds:,.1f}"])
    if report.step:
        lines.append(["step", f"{report.step}, {report.percent} %"])
    for name in ("waits_for", "notes", "error"):
        if said := getattr(report, name):
            lines.append([name.replace("_", " "), said])
    print_table("Vector index", ["", ""], lines, stream)

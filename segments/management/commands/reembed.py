"""`manage.py reembed DATASET --provider … --model …`: another model, while search continues."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from datasets.exceptions import SegmillError
from datasets.lookup import find_dataset, find_tenant
from datasets.models import DEFAULT_TENANT, Dataset
from segments.db.errors import explained
from segments.exceptions import StateConflict
from segments.files.options import OnError
from segments.files.types import Progress
from segments.management.console import ProgressDisplay, raised_as_keyboard_interrupt
from segments.management.tables import Output, print_table
from segments.models import Reembedding
from segments.models.embedding import ReembeddingPurpose, ReembeddingStatus
from segments.models.import_job import ImportStatus
from segments.services import reembeddings
from segments.services.reembeddings import ReembeddingReport, report_reembedding

PHASES = {
    ReembeddingStatus.WAITING: ImportStatus.WAITING,
    ReembeddingStatus.COMPLETED: ImportStatus.COMPLETED,
}
STOPPED = (
    "Stopped. Finished embeddings are kept. Running workers continue; to continue here, run the "
    "same command again. To cancel, use --cancel."
)


class Command(BaseCommand):
    """Re-embeds a dataset; the old model serves every search until the switch."""

    help = (
        "Change the embedding model of a dataset; search uses the old one until the end. Without "
        "--model: resume what is in progress, or embed the segments that have no vector."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The dataset, its new model, and how to answer."""
        parser.add_argument("dataset", help="its name or id")
        parser.add_argument("--tenant", default=DEFAULT_TENANT, help="default: %(default)s")
        parser.add_argument(
            "--provider", help="provider of the new model; default: the current one"
        )
        parser.add_argument("--model", help="the new model")
        parser.add_argument(
            "--on-error",
            choices=OnError.values,
            default=OnError.ABORT,
            help="texts the new model refuses: abort (default) leaves the dataset unchanged, "
            "skip leaves their segments without a vector",
        )
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--background", action="store_true", help="let workers do it")
        how.add_argument("--status", action="store_true", help="show the progress")
        how.add_argument("--follow", action="store_true", help="show the progress until the end")
        how.add_argument(
            "--cancel", action="store_true", help="cancel it; the dataset keeps its model"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is asked, report, and exit with 1 unless it succeeded."""
        if options["provider"] and not options["model"]:
            raise CommandError("--provider needs --model, too.")
        try:
            with raised_as_keyboard_interrupt():
                done = self._done(options)
        except SegmillError as refusal:
            raise CommandError(str(refusal)) from refusal
        except Error as trouble:
            raise CommandError(str(explained(trouble))) from trouble
        except KeyboardInterrupt:
            watched = options["status"] or options["follow"]
            raise CommandError("Stopped watching." if watched else STOPPED) from None
        may_be_open = options["background"] or options["status"] or options["cancel"]
        self._answer(done, options, may_be_open=may_be_open)

    def _done(self, options: dict[str, Any]) -> Reembedding:
        dataset = find_dataset(find_tenant(options["tenant"]), options["dataset"])
        if options["cancel"]:
            return reembeddings.cancel(_in_progress(dataset))
        if options["status"]:
            return _latest(dataset)
        if options["follow"]:
            with _bar() as display:
                return reembeddings.follow(_latest(dataset), display)
        ordered = _ordered(dataset, options)
        if options["background"]:
            return ordered
        with _bar() as display:
            return reembeddings.run_in_foreground(ordered, display)

    def _answer(self, done: Reembedding, options: dict[str, Any], *, may_be_open: bool) -> None:
        report = report_reembedding(done)
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), ensure_ascii=False))
        else:
            _print(report, self.stdout)
        if not (report.is_success or may_be_open):
            if options["json"]:
                sys.exit(1)
            raise CommandError(_why(report))


@contextmanager
def _bar() -> Iterator[Callable[[Reembedding], None]]:
    """A listener that shows the bar of an import's embedding on the terminal."""
    with ProgressDisplay(sys.stderr) as display:
        yield lambda now: display(_progress(now))


def _progress(now: Reembedding) -> Progress:
    phase = PHASES.get(ReembeddingStatus(now.status), ImportStatus.EMBEDDING)
    return Progress(phase, now.texts_done, now.fraction, failed=now.texts_refused)


def _ordered(dataset: Dataset, options: dict[str, Any]) -> Reembedding:
    """The re-embedding in progress, resumed; or a new one.

    Raises:
        StateConflict: something else is under way than what is asked for.
    """
    background = options["background"]
    ordered = reembeddings.in_progress(dataset)
    provider = options["provider"] or dataset.model[0] or settings.SEGMILL_EMBEDDING_PROVIDER
    model = options["model"] and (provider, options["model"])
    if ordered is None:
        if not model:
            return reembeddings.fill_missing(dataset, background=background)
        on_error = OnError(options["on_error"])
        return reembeddings.change_model(dataset, *model, on_error=on_error, background=background)
    if model and model != (ordered.embedding_model_provider, ordered.embedding_model):
        raise StateConflict(
            f"Dataset “{dataset.name}” is already being embedded with {ordered.embedding_model}. "
            "Wait until that ends, or use --cancel."
        )
    if ordered.status == ReembeddingStatus.INTERRUPTED:
        return reembeddings.resume(ordered, background=background)
    return ordered


def _in_progress(dataset: Dataset) -> Reembedding:
    ordered = reembeddings.in_progress(dataset)
    if ordered is None:
        raise StateConflict(f"Dataset “{dataset.name}” is not being embedded now.")
    return ordered


def _latest(dataset: Dataset) -> Reembedding:
    ordered = reembeddings.latest(dataset)
    if ordered is None:
        raise StateConflict(f"Dataset “{dataset.name}” was never re-embedded.")
    return ordered


def _why(report: ReembeddingReport) -> str:
    if report.status == ReembeddingStatus.INTERRUPTED:
        return f"{report.error} It resumes automatically; to resume now, run this command again."
    return report.error or report.status


def _print(report: ReembeddingReport, stream: Output) -> None:
    before, after = report.old_model or "none", report.model
    lines = [
        ["dataset", report.dataset],
        ["model", after if report.purpose == ReembeddingPurpose.FILL else f"{before} → {after}"],
        ["status", report.status],
        ["texts", f"{report.texts_embedded:,} of {report.texts_total:,}"],
        ["texts refused", f"{report.texts_refused:,}"],
        ["segments changed", f"{report.segments_changed:,}"],
    ]
    if report.requests:
        lines += [["requests", f"{report.requests:,}"], ["tokens billed", f"{report.tokens:,}"]]
    if report.cost:
        lines.append(["cost", f"{report.cost:,.6f}"])
    if report.seconds:
        lines.append(["seconds", f"{report.seconds:,.2f}"])
    if report.waits_for:
        lines.append(["waiting", report.waits_for])
    if report.error:
        lines.append(["why", report.error])
    print_table("Vectors", ["", ""], lines, stream)

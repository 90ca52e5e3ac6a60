"""`manage.py imports list|show|cancel|undo|retry`: what became of imports, and what can be done."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.exceptions import SegmillError
from datasets.wording import how_many
from segments.management.tables import print_import
from segments.models import ImportJob
from segments.models.import_job import ImportSource, ImportStatus
from segments.services import imports
from segments.services.reports import report_import

MOST_LISTED = 20


class Command(BaseCommand):
    """Looks at imports of any source, and ends, undoes or retries one."""

    help = "List imports, show one, or cancel, undo or retry it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do, and with which import."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listing = actions.add_parser("list", help="the newest imports")
        listing.add_argument("--status", choices=ImportStatus.values)
        listing.add_argument("--dataset", help="name of a dataset")
        listing.add_argument("--limit", type=int, default=MOST_LISTED, help="default: %(default)s")
        listing.add_argument("--json", action="store_true", help="print one JSON array")
        for name, what in (
            ("show", "one import: its counts, notices and bad rows"),
            ("cancel", "end a running import; nothing of it becomes visible"),
            ("undo", "remove what a completed import added"),
            ("retry", "start a failed or cancelled import again; workers run it"),
        ):
            action = actions.add_parser(name, help=what)
            action.add_argument("id", help="the import's id, as list prints it")
            action.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and exit with 1 if it is refused."""
        if options["action"] == "list":
            self._list(options)
            return
        try:
            job = _done(options["action"], imports.find_import(options["id"]))
        except SegmillError as refusal:
            raise CommandError(str(refusal)) from refusal
        report = report_import(job)
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json()))
        else:
            self.stdout.write(f"{job.pk}  {job.file_name} → {job.document}: {_state(job)}")
            print_import(report, self.stdout)

    def _list(self, options: dict[str, Any]) -> None:
        jobs = ImportJob.objects.select_related("document", "dataset").order_by("-created_at")
        if options["status"]:
            jobs = jobs.filter(status=options["status"])
        if options["dataset"]:
            jobs = jobs.filter(dataset__name=options["dataset"])
        listed = list(jobs[: max(options["limit"], 0)])
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(job) for job in listed]))
            return
        if not listed:
            self.stdout.write("There are no such imports.")
            return
        for job in listed:
            bad = f", {job.rows_failed:,} bad" if job.rows_failed else ""
            self.stdout.write(
                f"{job.pk}  {job.created_at:%Y-%m-%d %H:%M}  {_state(job)}  "
                f"{job.file_name} → {job.document.name}  {how_many(job.rows_total, 'row')}{bad}"
            )


def _done(action: str, job: ImportJob) -> ImportJob:
    """The import after the action.

    Raises:
        SegmillError: it cannot be done now.
    """
    if action == "cancel":
        return imports.cancel_import(job)
    if action == "undo":
        return imports.undo_import(job)
    if action == "retry":
        return imports.retry_import(job, source=ImportSource.COMMAND)
    return job


def _state(job: ImportJob) -> str:
    return "Undone" if job.undone_at else job.get_status_display()


def _as_json(job: ImportJob) -> dict[str, Any]:
    return {
        "id": str(job.pk),
        "file": job.file_name,
        "dataset": job.dataset.name,
        "document": job.document.name,
        "status": job.status,
        "state": _state(job),
        "rows_total": job.rows_total,
        "rows_failed": job.rows_failed,
        "created_at": job.created_at.isoformat(),
    }

"""`manage.py import_segments FILE --dataset NAME --document NAME`: an import, watched to its end.

Several files and folders are imported one after the other, each all or nothing. In this process;
with `--background` by the workers, and `--follow ID` watches any import.
"""

import json
import shutil
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from datasets.exceptions import DatasetNotFound, DocumentNotFound, SegmillError, TenantNotFound
from datasets.models import Document
from datasets.wording import how_many
from segments.db.errors import explained
from segments.exceptions import FileUnreadable
from segments.files.options import ImportOptions
from segments.files.wording import for_command
from segments.management.console import ProgressDisplay, raised_as_keyboard_interrupt, write_file
from segments.management.options import (
    add_import_options,
    add_target_options,
    check_arguments,
    given_files,
    import_options,
    import_target,
    is_folder,
)
from segments.management.tables import print_import, why_it_failed
from segments.models.import_job import ImportSource
from segments.services import imports, targets
from segments.services.bad_rows import BadRowsFile, bad_rows_of_dry_run, bad_rows_of_import
from segments.services.previews import guessed_doc_form
from segments.services.reports import ImportReport, report_dry_run, report_import, report_refusal
from segments.services.targets import ImportTarget

STDIN = Path("-")
# What a folder is searched for; hidden files and the locks of office programs are passed over.
EXTENSIONS = frozenset(
    {
        *(".csv", ".tsv", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".json", ".jsonl", ".ndjson"),
        *(".pdf", ".docx", ".html", ".htm", ".md", ".txt"),
    }
)
HIDDEN = (".", "~$")


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What was asked for: a file, where it goes, and how."""

    wanted: ImportTarget
    path: Path
    create: bool
    options: ImportOptions
    bad_rows: Path | None
    background: bool

    def write_bad_rows(self, file: BadRowsFile) -> None:
        """Write the file of bad rows, if one was asked for."""
        if self.bad_rows is not None:
            write_file(self.bad_rows, file.portions)


class Command(BaseCommand):
    """Reads, checks, embeds and publishes a file, with a progress bar, all or nothing."""

    help = "Import a file of segments into a document, all or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The place, what to make of it, and how to answer."""
        parser.add_argument(
            "file",
            type=Path,
            nargs="*",
            help="a document (PDF, DOCX, HTML, Markdown, text) or a table (workbook, CSV, TSV, "
            "JSON, JSON Lines); - reads standard input; several files, or folders of them, are "
            "imported one after the other",
        )
        parser.add_argument(
            "--follow",
            metavar="ID",
            help="instead of a file: show the progress of this import until it ends",
        )
        parser.add_argument(
            "--background",
            action="store_true",
            help="let workers import the file, and print the import's id",
        )
        add_target_options(parser)
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="check every row without embedding or changing anything",
        )
        add_import_options(parser)
        parser.add_argument(
            "--report",
            type=Path,
            metavar="FILE",
            help="write the bad rows to this file, to fix and import again",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, report, and exit with 1 unless it succeeded."""
        options["file"] = given_files(options["file"])
        check_arguments(options)
        if options["follow"]:
            self._answer(_followed(options["follow"]), as_json=options["json"])
            return
        wanted = import_target(options)
        paths = list(_files(options["file"]))
        is_named = options["document"] is not None
        if len(paths) == 1 and is_named:
            self._import(replace(wanted, document=options["document"]), paths[0], options)
            return
        failed = []
        for path in paths:
            self.stderr.write(f"{path}:")
            into = (
                wanted if options["document"] is not None else replace(wanted, document=path.stem)
            )
            try:
                self._import(into, path, options)
            except CommandError as failure:
                self.stderr.write(str(failure))
                failed.append(str(path))
            except SystemExit:  # its JSON is printed already
                failed.append(str(path))
        if failed:
            files = how_many(len(paths), "file")
            raise CommandError(f"Not imported: {len(failed):,} of {files}: {', '.join(failed)}")

    def _import(self, wanted: ImportTarget, path: Path, options: dict[str, Any]) -> None:
        """Import one file, and print what became of it.

        Raises:
            CommandError, SystemExit: it was not imported.
        """
        with raised_as_keyboard_interrupt():
            report = _report(wanted, options | {"file": path})
        if options["background"] and report.job_id:
            self._print_job_id(report, as_json=options["json"])
        else:
            self._answer(report, as_json=options["json"])

    def _print_job_id(self, report: ImportReport, *, as_json: bool) -> None:
        """The id alone on standard output, for scripts; what to do with it beside."""
        if as_json:
            self.stdout.write(json.dumps(report.as_json()))
            return
        self.stdout.write(str(report.job_id))
        self.stderr.write(f"Follow it: manage.py import_segments --follow {report.job_id}")

    def _answer(self, report: ImportReport, *, as_json: bool) -> None:
        for notice in report.notices:
            self.stderr.write(for_command(notice))
        if as_json:
            self.stdout.write(json.dumps(report.as_json()))
            if not report.is_success:
                sys.exit(1)
        else:
            print_import(report, self.stdout)
            if not report.is_success:
                raise CommandError(for_command(why_it_failed(report)))


def _files(given: Sequence[Path]) -> Iterator[Path]:
    """The files that were named, and those of the folders, by their names.

    Raises:
        CommandError: a folder has none.
    """
    for path in given:
        if not is_folder(path):
            yield path
            continue
        found = sorted(each for each in path.iterdir() if _is_readable(each))
        if not found:
            listed = ", ".join(sorted(EXTENSIONS))
            raise CommandError(f"The folder {path} has no file of these kinds: {listed}.")
        yield from found


def _is_readable(path: Path) -> bool:
    name = path.name.lower().removesuffix(".gz")
    return path.is_file() and not name.startswith(HIDDEN) and PurePath(name).suffix in EXTENSIONS


def _followed(identifier: str) -> ImportReport:
    """The report of an import that others run; Ctrl-C ends the watching alone."""
    try:
        with ProgressDisplay(sys.stderr) as display:
            return report_import(imports.follow_import(imports.find_import(identifier), display))
    except SegmillError as refusal:
        return report_refusal(str(refusal))
    except Error as trouble:
        return report_refusal(str(explained(trouble)))
    except KeyboardInterrupt:
        raise CommandError("Stopped watching; the import continues.") from None


def _report(wanted: ImportTarget, options: dict[str, Any]) -> ImportReport:
    """The report of the import or the dry run, whatever comes in between."""
    import_file = _dry_run if options["dry_run"] else _import
    try:
        order = ImportRequest(
            wanted=wanted,
            path=options["file"],
            create=options["create"],
            options=import_options(options),
            bad_rows=options["report"],
            background=options["background"],
        )
        with (
            _named(order) as named,
            _opened(named.path) as file,
            ProgressDisplay(sys.stderr) as display,
        ):
            return import_file(named, file, display)
    except (TenantNotFound, DatasetNotFound, DocumentNotFound) as missing:
        return report_refusal(f"{missing} Use --create to create it.")
    except SegmillError as refusal:
        return report_refusal(str(refusal))
    except Error as trouble:
        return report_refusal(str(explained(trouble)))
    except OSError as trouble:  # the file began well, but cannot be read to its end
        return report_refusal(str(_unreadable(options["file"], trouble)))
    except KeyboardInterrupt:
        return report_refusal("Stopped by the user. Nothing was imported.", cancelled=True)


@contextmanager
def _named(order: ImportRequest) -> Iterator[ImportRequest]:
    """The request; what comes from standard input lies in a file of its own meanwhile."""
    if order.path != STDIN:
        yield order
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stdin"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield replace(order, path=path)


def _opened(path: Path) -> BinaryIO:
    """The file, open for reading bytes.

    Raises:
        FileUnreadable: it is missing, a folder, or not ours to read.
    """
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise FileUnreadable(f"{path} does not exist. Check the path.") from None
    except IsADirectoryError:
        raise FileUnreadable(f"{path} is a folder. Give the path of a file.") from None
    except OSError as trouble:
        raise _unreadable(path, trouble) from trouble


def _unreadable(path: Path, trouble: OSError) -> FileUnreadable:
    return FileUnreadable(
        f"{path} cannot be read: {trouble.strerror or trouble}. Check the path and its permissions."
    )


def _dry_run(order: ImportRequest, file: BinaryIO, display: ProgressDisplay) -> ImportReport:
    if order.create:
        form = guessed_doc_form(file, order.path.name, order.options)
        document = targets.plan_target(order.wanted, form)
    else:
        document = targets.find_target(order.wanted)
    size = order.path.stat().st_size
    found = imports.dry_run_import(
        document, file, order.path.name, size, display, options=order.options
    )
    if found.failed:
        order.write_bad_rows(bad_rows_of_dry_run(found, order.path.name, document, order.options))
    return report_dry_run(found)


def _import(order: ImportRequest, file: BinaryIO, display: ProgressDisplay) -> ImportReport:
    document = _created_target(order, file) if order.create else targets.find_target(order.wanted)
    job = imports.start_import(
        document,
        file,
        order.path.name,
        source=ImportSource.COMMAND,
        options=order.options,
        background=order.background,
    )
    if order.background:
        return report_import(job)
    job = imports.run_in_foreground(job, display)
    if job.rows_failed:
        order.write_bad_rows(bad_rows_of_import(job))
    return report_import(job)


def _created_target(order: ImportRequest, file: BinaryIO) -> Document:
    """The document that is wanted; nothing is made for a file that cannot be imported there."""
    form = guessed_doc_form(file, order.path.name, order.options)
    planned = targets.plan_target(order.wanted, form)
    size = order.path.stat().st_size
    imports.dry_run_import(planned, file, order.path.name, size, most_rows=1, options=order.options)
    file.seek(0)
    return targets.create_target(order.wanted, form)

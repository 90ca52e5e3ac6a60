"""`manage.py export_segments --dataset NAME --document NAME --output FILE`: the way back out.

As a file that an import reads again without a loss, or, `--for people`, as a table to read.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.exceptions import SegmillError
from datasets.lookup import find_dataset, find_document, find_tenant
from datasets.models import DEFAULT_TENANT, Document
from datasets.wording import how_many
from segments.exceptions import ExportRefused
from segments.files.types import FileFormat
from segments.management.console import watched, write_file
from segments.services import people_exports
from segments.services.exports import FORMATS, export_document

IMPORT, PEOPLE = "import", "people"


class Command(BaseCommand):
    """Writes a document's segments to a file: for an import, or for people."""

    help = "Export the segments of a document to a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The document, the file and its format."""
        parser.add_argument("--tenant", default=DEFAULT_TENANT, help="default: %(default)s")
        parser.add_argument("--dataset", required=True, help="its name or id")
        parser.add_argument("--document", required=True, help="its name or id")
        parser.add_argument(
            "--format",
            choices=[kind.value for kind in FORMATS],
            default="",
            help="default: by the file's extension",
        )
        parser.add_argument(
            "--for",
            choices=[IMPORT, PEOPLE],
            default=IMPORT,
            dest="reader",
            help="import (default): nothing is lost when it is imported again; people: the columns "
            "of its file, metadata as columns, numbers and dates as such (csv, xlsx)",
        )
        parser.add_argument("--output", type=Path, required=True, metavar="FILE")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export, and say how many segments there were."""
        try:
            kind = _format(options["format"], options["output"])
            dataset = find_dataset(find_tenant(options["tenant"]), options["dataset"])
            document = find_document(dataset, options["document"])
            portions = _export(options["reader"], document, kind)
            size = write_file(options["output"], watched(portions, "Exporting", sys.stderr))
        except SegmillError as refusal:
            raise CommandError(str(refusal)) from refusal
        document.refresh_from_db()
        answer = {"segments": document.segment_count, "bytes": size, "format": kind.value}
        self.stdout.write(json.dumps(answer) if options["json"] else _sentence(answer, options))


def _export(reader: str, document: Document, kind: FileFormat) -> Iterator[bytes]:
    """The file in portions.

    Raises:
        ExportRefused: there is no such format for people.
    """
    if reader == IMPORT:
        return export_document(document, kind)
    if kind not in people_exports.FORMATS:
        raise ExportRefused(f"--for people writes csv and xlsx, not {kind}. Name another file.")
    return people_exports.export_for_people(document, kind)


def _format(given: str, output: Path) -> FileFormat:
    """The format that is given, or that the file's name promises.

    Raises:
        ExportRefused: neither says one.
    """
    name = given or output.suffix.removeprefix(".").lower()
    if name not in FORMATS:
        listed = ", ".join(FORMATS)
        raise ExportRefused(f"{output.name} has no known extension. Use --format: {listed}.")
    return FileFormat(name)


def _sentence(answer: dict[str, Any], options: dict[str, Any]) -> str:
    size = how_many(answer["bytes"], "byte")
    return f"{how_many(answer['segments'], 'segment')}, {size}: {options['output']}"

"""`manage.py export_segments --dataset NAME --document NAME --output FILE`: the way back out."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.exceptions import SegmillError
from datasets.lookup import find_dataset, find_document, find_tenant
from datasets.models import DEFAULT_TENANT
from segments.exceptions import ExportRefused
from segments.files.types import FileFormat
from segments.management.console import watched, write_file
from segments.services.exports import FORMATS, export_document


class Command(BaseCommand):
    """Writes a document's segments to a file that can be imported again without a loss."""

    help = "Export the segments of a document to a file that can be imported again."

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
        parser.add_argument("--output", type=Path, required=True, metavar="FILE")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export, and say how many segments there were."""
        try:
            kind = _format(options["format"], options["output"])
            dataset = find_dataset(find_tenant(options["tenant"]), options["dataset"])
            document = find_document(dataset, options["document"])
            portions = export_document(document, kind)
            size = write_file(options["output"], watched(portions, "Exporting", sys.stderr))
        except SegmillError as refusal:
            raise CommandError(str(refusal)) from refusal
        document.refresh_from_db()
        answer = {"segments": document.segment_count, "bytes": size, "format": kind.value}
        self.stdout.write(json.dumps(answer) if options["json"] else _sentence(answer, options))


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
    return f"{answer['segments']:,} segments, {answer['bytes']:,} bytes: {options['output']}"

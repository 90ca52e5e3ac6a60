"""`manage.py resume_import ID`: continues an interrupted import from its last chunk."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.exceptions import SegmillError
from segments.management.console import ProgressDisplay
from segments.management.tables import print_import, why_it_failed
from segments.services import imports
from segments.services.reports import report_import


class Command(BaseCommand):
    """Works in this process; Ctrl-C leaves the import where it stands, for the workers."""

    help = "Resume an interrupted import from its last checkpoint."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which one."""
        parser.add_argument("id", help="the import's id, as shown in its report")

    def handle(self, *args: Any, **options: Any) -> None:
        """Resume, report, and exit with 1 unless it succeeded."""
        try:
            interrupted = imports.find_import(options["id"])
            with ProgressDisplay(sys.stderr) as display:
                ended = imports.resume_in_foreground(interrupted, display)
        except SegmillError as refusal:
            raise CommandError(str(refusal)) from refusal
        report = report_import(ended)
        print_import(report, self.stdout)
        if not report.is_success:
            raise CommandError(why_it_failed(report))

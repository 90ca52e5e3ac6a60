"""`manage.py demo`: imports the FAQ that ships with Segmill, and asks it three questions."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.models import DEFAULT_TENANT, Dataset, DocForm
from segments.management.console import ProgressDisplay
from segments.management.tables import print_hits, print_import
from segments.models.import_job import ImportSource
from segments.sample import FAQ
from segments.search import search
from segments.services import imports, targets
from segments.services.reports import report_import
from segments.services.targets import ImportTarget

TARGET = ImportTarget(
    tenant=DEFAULT_TENANT, dataset="Segmill FAQ", document="FAQ", doc_form=DocForm.QA
)
# In words of their own: what they mean stands in the FAQ, what they say does not.
QUESTIONS = (
    "RAM consumption of huge spreadsheets",
    "the faulty spot in my table",
    "verify a spreadsheet beforehand, touching nothing",
)
HITS = 3
NEXT = f"""
Ask a question of your own:
  ./manage.py search_segments "can I undo an import?" --dataset "{TARGET.dataset}"
Import a file of your own in a browser:
  make run"""


class Command(BaseCommand):
    """A second run starts from the same point and ends the same way."""

    help = "Import a sample FAQ, search it and show the results."

    def handle(self, *args: Any, **options: Any) -> None:
        """Import the FAQ into a fresh dataset and search it."""
        Dataset.objects.filter(tenant__name=TARGET.tenant, name=TARGET.dataset).delete()
        document = targets.create_target(TARGET, DocForm.QA)
        with FAQ.open("rb") as file, ProgressDisplay(sys.stderr) as display:
            job = imports.start_import(
                document, file, FAQ.name, source=ImportSource.COMMAND, background=False
            )
            report = report_import(imports.run_in_foreground(job, display))
        print_import(report, sys.stdout)
        if not report.is_success:
            raise CommandError(report.error or report.status)
        for question in QUESTIONS:
            sys.stdout.write(f"\n“{question}”\n")
            print_hits(search(document.dataset, question, top_k=HITS), sys.stdout)
        self.stdout.write(NEXT)

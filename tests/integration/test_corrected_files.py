"""A file of bad rows goes back in as it is, however often it was written and read from memory."""

import pytest

from datasets.models import Document
from segments.models.import_job import ImportStatus
from segments.services.bad_rows import bad_rows_of_import

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

TITLED = "Export\n\nAlpha;Beta;Gamma\nEins?;Ja;x\nZwei?;;y\n"


def test_a_corrected_file_needs_no_options_twice_over(
    document: Document, import_text: ImportText
) -> None:
    told = {"content": "Alpha", "answer": "Beta"}
    first = import_text(document, TITLED, map=told, header_row=3, unknown="metadata")
    for _ in range(2):
        assert first.rows_failed == 1
        report = b"".join(bad_rows_of_import(first).portions)
        assert b"Line 5: " in report
        first = import_text(document, report)

    corrected = report.replace(b'"Zwei?";""', b'"Zwei?";"Nein"')
    again = import_text(document, corrected)
    assert (again.status, again.rows_created) == (ImportStatus.COMPLETED, 1), again.error
    segment = document.segments.get()
    assert (segment.content, segment.answer, segment.metadata) == ("Zwei?", "Nein", {"Gamma": "y"})

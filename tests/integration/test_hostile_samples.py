"""Every committed hostile file, imported as a whole: refused in words, or taken with a notice."""

import pytest

from datasets.models import Document
from segments.models import DocumentSegment, RowError
from segments.models.import_job import ImportStatus
from tests.sample_files import FILES, HOSTILE

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_no_hostile_file_is_imported_in_silence(
    document: Document, import_text: ImportText, part: int
) -> None:
    for name in sorted(HOSTILE)[part::PARTS]:
        before = DocumentSegment.objects.count()

        job = import_text(document, (FILES / "hostile" / name).read_bytes(), name)

        added = DocumentSegment.objects.count() - before
        if job.status == ImportStatus.COMPLETED:
            assert job.notices, name
            assert added == job.rows_created, name
        else:
            assert job.status == ImportStatus.FAILED, name
            assert job.error, name
            assert added == 0, name
            assert (job.error_code == "rows_refused") == RowError.objects.filter(job=job).exists()

"""An import whose document or dataset becomes another one while it runs publishes nothing."""

from typing import Any

import pytest

from datasets.models import Dataset, Document
from segments.files.types import Progress
from segments.models import DocumentSegment
from segments.models.import_job import ImportStatus

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\nHow do I reset it?,Hold the button.\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"embedding_model": "another"}, "changed its embedding model"),
        ({"indexing_technique": "economy"}, "changed its embedding model"),
        ({"text_search_config": "german"}, "changed its text search configuration"),
    ],
    ids=["model", "technique", "language"],
)
def test_a_change_of_the_dataset(
    document: Document, import_text: ImportText, change: dict[str, Any], told: str
) -> None:
    def before_publishing(progress: Progress) -> None:
        if progress.phase == ImportStatus.PUBLISHING:
            Dataset.objects.filter(pk=document.dataset_id).update(**change)

    job = import_text(document, QA, listener=before_publishing)

    assert (job.status, job.error_code) == (ImportStatus.FAILED, "target_gone")
    assert told in job.error
    assert "Import the file again" in job.error
    assert not DocumentSegment.objects.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"doc_form": "text_model"}, "was made text_model"),
        ({"enabled": False}, "was disabled"),
        ({"archived": True}, "archived"),
        ({"indexing_status": "indexing"}, "taken for indexing"),
    ],
    ids=["form", "disabled", "archived", "indexing"],
)
def test_a_change_of_the_document(
    document: Document, import_text: ImportText, change: dict[str, Any], told: str
) -> None:
    def before_publishing(progress: Progress) -> None:
        if progress.phase == ImportStatus.PUBLISHING:
            Document.objects.filter(pk=document.pk).update(**change)

    job = import_text(document, QA, listener=before_publishing)

    assert (job.status, job.error_code) == (ImportStatus.FAILED, "target_gone")
    assert told in job.error
    assert not DocumentSegment.objects.exists()

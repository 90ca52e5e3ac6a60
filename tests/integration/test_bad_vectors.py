"""Vectors that cannot be used end an import; nothing of it is seen."""

from collections.abc import Iterator

import pytest

from datasets.models import Dataset, Document
from segments.embedding import catalog
from segments.models import RowError
from segments.models.import_job import ImportStatus
from tests import embedders

from .conftest import ImportText
from .snapshot import snapshot

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = "question,answer\none,1\ntwo,2\nthe bad one,3\nfour,4\nfive,5\n"


@pytest.fixture
def faulty(document: Document, monkeypatch: pytest.MonkeyPatch) -> Iterator[Document]:
    """A document whose dataset has the faulty model."""
    catalog.load.cache_clear()
    monkeypatch.setitem(catalog.PROVIDERS, "faulty", embedders.PATH)
    Dataset.objects.update(embedding_model_provider="faulty")
    yield document
    catalog.load.cache_clear()


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ("nan", "rows_refused", "line 4, column “content” ('the bad one'): The row cannot be"),
        ("infinity", "rows_refused", "NaN or infinity in it"),
        ("zero", "rows_refused", "no direction (length zero)"),
        ("wrong dimension", "vectors_refused", "shape (2, 4) for 2 texts; (2, 3) was expected"),
        ("too few", "vectors_refused", "shape (1, 3) for 2 texts; (2, 3) was expected"),
        ("broken", "unforeseen", "RuntimeError: out of order"),
    ],
)
def test_vectors_at_fault_end_the_import(
    fault: str,
    code: str,
    says: str,
    faulty: Document,
    import_text: ImportText,
    small_chunks: int,
) -> None:
    Dataset.objects.update(embedding_model="good")
    assert import_text(faulty, "question,answer\nzero,0\n").status == ImportStatus.COMPLETED
    Dataset.objects.update(embedding_model=fault)
    before = snapshot()

    job = import_text(faulty, ROWS)

    assert (job.status, job.error_code) == (ImportStatus.FAILED, code), job.error
    assert says in job.error
    assert snapshot() == before
    lines = RowError.objects.filter(job=job).values_list("line", flat=True)
    assert list(lines) == ([4] if code == "rows_refused" else [])

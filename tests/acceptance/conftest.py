"""Places to import into, for commands that run in processes of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from datasets.models import Dataset, DocForm, Document, Tenant


@pytest.fixture
def document(transactional_db: None) -> Document:
    """A document of questions and answers, with vectors, of the default tenant."""
    tenant = Tenant.objects.create(name="default")
    dataset = Dataset.objects.create(
        tenant=tenant,
        name="handbook",
        embedding_model_provider="wordllama",
        embedding_model="l2_supercat_256",
    )
    return Document.objects.create(tenant=tenant, dataset=dataset, name="faq", doc_form=DocForm.QA)


@pytest.fixture
def write_rows(write_file: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a file of as many rows, whose contents tell their number."""

    def write(rows: int, name: str = "rows.csv", about: str = "this") -> Path:
        lines = "".join(f"What is row {n} of {about}?,It is {n}.\n" for n in range(1, rows + 1))
        return write_file("question,answer\n" + lines, name)

    return write

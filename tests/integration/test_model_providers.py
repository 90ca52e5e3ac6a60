"""A tenant's own models: found by its datasets, unknown to others, with keys nobody is shown."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core import serializers
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from datasets.models import Dataset, DocForm, Document, Tenant
from segments.embedding import catalog, get_embedder
from segments.embedding.catalog import find_model
from segments.embedding.credentials import encrypt
from segments.exceptions import EndpointRefused, NoEmbeddingModel
from segments.models import ModelProvider, ProviderModel
from segments.models.import_job import ImportStatus
from segments.search import SearchMethod, search
from tests.servers.embeddings import EmbeddingsServer

from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "sk-very-secret"
MakeProvider = Callable[..., ModelProvider]


@pytest.fixture
def provider(tenant: Tenant, server: EmbeddingsServer) -> ModelProvider:
    """The tenant's own endpoint, with one model."""
    catalog.load.cache_clear()
    made = ModelProvider.objects.create(
        tenant=tenant, name="ours", base_url=server.url, credentials=encrypt(KEY)
    )
    ProviderModel.objects.create(
        provider=made, name="m", passage_prefix="passage: ", query_prefix="query: "
    )
    return made


@pytest.fixture
def document(tenant: Tenant, provider: ModelProvider, make_document: MakeDocument) -> Document:
    """A document embedded by the tenant's own model."""
    dataset = Dataset.objects.create(
        tenant=tenant, name="own", embedding_model_provider="ours", embedding_model="m"
    )
    return make_document(dataset, "passages", DocForm.TEXT)


def test_all_that_is_set_up_reaches_the_model(tenant: Tenant, provider: ModelProvider) -> None:
    chosen: dict[str, Any] = {
        "dimensions": 5,
        "request_dimensions": True,
        "token_limit": 77,
        "passage_prefix": "p ",
        "query_prefix": "q ",
        "passage_input_type": "pt",
        "query_input_type": "qt",
        "normalise": False,
        "price_per_million": Decimal("0.02"),
        "requests_per_minute": 11,
        "tokens_per_minute": 12,
        "calls": 13,
        "batch_texts": 14,
    }
    ProviderModel.objects.create(provider=provider, name="other", **chosen)
    found = find_model("ours", "other", tenant.pk)
    assert {name: getattr(found, name) for name in chosen} == chosen
    assert (found.kind, found.base_url) == ("openai", provider.base_url)
    assert found.api_key.reveal() == KEY
    assert not found.is_trusted


def test_import_and_search_go_through_the_tenants_endpoint(
    document: Document, import_text: ImportText, server: EmbeddingsServer, settings: Settings
) -> None:
    settings.SEGMILL_ENDPOINT_PRIVATE_ADDRESSES = True
    job = import_text(document, "content\nalpha\nbeta\n")
    assert job.status == ImportStatus.COMPLETED, job.error
    assert len(search(document.dataset, "alpha", SearchMethod.SEMANTIC)) == 2

    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}
    assert "passage: alpha" in server.texts
    assert server.texts[-1] == "query: alpha"


def test_a_private_address_is_not_asked_for_a_tenant(
    document: Document, import_text: ImportText, server: EmbeddingsServer
) -> None:
    with pytest.raises(EndpointRefused, match="private address"):
        import_text(document, "content\nalpha\n")
    assert not server.requests


def test_a_changed_provider_is_used_at_once(tenant: Tenant, provider: ModelProvider) -> None:
    before = get_embedder("ours", "m", tenant.pk)
    assert get_embedder("ours", "m", tenant.pk) is before, "loaded once"
    provider.models.update(token_limit=5)
    assert get_embedder("ours", "m", tenant.pk).token_limit == 5


def test_another_tenants_provider_does_not_exist(provider: ModelProvider) -> None:
    other = Tenant.objects.create(name="other")
    with pytest.raises(NoEmbeddingModel, match="There is no embedding provider “ours”"):
        get_embedder("ours", "m", other.pk)
    with pytest.raises(NoEmbeddingModel):
        get_embedder("ours", "m")


def test_near_names_are_suggested(tenant: Tenant, provider: ModelProvider) -> None:
    with pytest.raises(NoEmbeddingModel, match="Did you mean “ours”"):
        get_embedder("our", "m", tenant.pk)
    with pytest.raises(NoEmbeddingModel, match=r"has no model “n”.*Available: m"):
        get_embedder("ours", "n", tenant.pk)


def test_a_tenant_cannot_take_the_place_of_the_installations_provider(
    tenant: Tenant, provider: ModelProvider
) -> None:
    provider.name = "wordllama"
    provider.save()
    assert get_embedder("wordllama", "l2_supercat_256", tenant.pk).dimensions == 256


def test_the_key_is_nowhere_in_the_database(provider: ModelProvider) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM segments_modelprovider t")
        [[stored]] = cursor.fetchall()
    assert KEY not in stored
    assert KEY not in serializers.serialize("json", [provider])


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"base_url": ""},
        {"base_url": "file:///etc/passwd"},
        {"name": "ours"},
    ],
)
def test_what_makes_no_sense_is_not_stored(
    tenant: Tenant, provider: ModelProvider, wrong: dict[str, str]
) -> None:
    usual = {"name": "fine", "base_url": "https://api.example/v1"}
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelProvider.objects.create(tenant=tenant, **(usual | wrong))

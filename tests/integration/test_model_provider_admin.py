"""The admin of model providers: for owners, with keys that go in and never come out."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from datasets.models import Tenant
from segments.embedding.credentials import decrypt, encrypt
from segments.models import ModelProvider, ProviderModel
from tests.servers import embeddings as misbehaving
from tests.servers.embeddings import EmbeddingsServer

from .roles import ROLES, LogIn

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "sk-very-secret"
ADD = "admin:segments_modelprovider_add"
CHANGE = "admin:segments_modelprovider_change"
TEST = "admin:segments_modelprovider_test"
LIST = "admin:segments_modelprovider_changelist"

Form = Callable[..., dict[str, Any]]


@pytest.fixture
def form(tenant: Tenant, server: EmbeddingsServer) -> Form:
    """What is filled in for a provider with one model."""

    def filled(**other: Any) -> dict[str, Any]:
        model = {
            "name": "m",
            "dimensions": "0",
            "token_limit": "512",
            "passage_prefix": "passage: ",
            "query_prefix": "query: ",
            "normalise": "on",
            "price_per_million": "0.02",
            "requests_per_minute": "0",
            "tokens_per_minute": "0",
            "calls": "4",
            "batch_texts": "256",
        }
        fields = {f"models-0-{name}": value for name, value in model.items()}
        management = {"models-TOTAL_FORMS": "1", "models-INITIAL_FORMS": "0"}
        provider = {"tenant": str(tenant.pk), "name": "ours", "kind": "openai"}
        address = {"base_url": server.url, "api_key": KEY}
        return fields | management | provider | address | other

    return filled


@pytest.fixture
def provider(tenant: Tenant, server: EmbeddingsServer, settings: Settings) -> ModelProvider:
    """A provider that is set up, with one model."""
    settings.SEGMILL_ENDPOINT_PRIVATE_ADDRESSES = True
    made = ModelProvider.objects.create(
        tenant=tenant, name="ours", base_url=server.url, credentials=encrypt(KEY)
    )
    ProviderModel.objects.create(provider=made, name="m")
    return made


def test_a_provider_is_added_and_its_key_is_not_seen_again(log_in: LogIn, form: Form) -> None:
    client = log_in("owner")
    assert client.post(reverse(ADD), form()).status_code == 302

    [added] = ModelProvider.objects.all()
    assert decrypt(added.credentials).reveal() == KEY
    [model] = added.models.all()
    assert model.passage_prefix == "passage: ", "the blank belongs to it"
    for url in (reverse(CHANGE, args=[added.pk]), reverse(LIST)):
        page = client.get(url).content.decode()
        assert KEY not in page
        assert added.credentials not in page
    assert KEY not in "".join(str(entry.__dict__) for entry in LogEntry.objects.all())


def changed(form: Form, provider: ModelProvider, **other: Any) -> dict[str, Any]:
    models = {"models-TOTAL_FORMS": "0", "models-INITIAL_FORMS": "0"}
    return form(api_key="") | models | other


def test_an_empty_key_keeps_the_present_one(
    log_in: LogIn,
    form: Form,
    provider: ModelProvider,
) -> None:
    url = reverse(CHANGE, args=[provider.pk])
    answer = log_in("owner").post(url, changed(form, provider, name="renamed"))
    assert answer.status_code == 302
    provider.refresh_from_db()
    assert (provider.name, decrypt(provider.credentials).reveal()) == ("renamed", KEY)


def test_a_key_can_be_removed(log_in: LogIn, form: Form, provider: ModelProvider) -> None:
    url = reverse(CHANGE, args=[provider.pk])
    log_in("owner").post(url, changed(form, provider, forget_api_key="on"))
    provider.refresh_from_db()
    assert not provider.credentials


def test_a_key_does_not_go_to_another_address(
    log_in: LogIn,
    form: Form,
    provider: ModelProvider,
) -> None:
    url = reverse(CHANGE, args=[provider.pk])
    elsewhere = changed(form, provider, base_url="https://evil.example/v1")
    answer = log_in("owner").post(url, elsewhere)
    assert "Enter the key for this URL" in answer.content.decode()
    provider.refresh_from_db()
    assert "evil" not in provider.base_url


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": "openai"}, "Choose another name"),
        ({"base_url": ""}, "needs its base URL"),
        ({"base_url": "ftp://files.example"}, "Enter a valid URL"),
        ({"kind": "telepathy"}, "not one of the available choices"),
        ({"models-0-calls": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_makes_no_sense_is_sent_back(
    log_in: LogIn,
    form: Form,
    wrong: dict[str, str],
    says: str,
) -> None:
    answer = log_in("owner").post(reverse(ADD), form(**wrong))
    assert answer.status_code == 200
    assert says in answer.content.decode()
    assert not ModelProvider.objects.exists()


def told(client: Client, provider: ModelProvider) -> str:
    answer = client.post(reverse(TEST, args=[provider.pk]), follow=True)
    return " ".join(str(message) for message in answer.context["messages"])


def test_the_connection_is_tested_with_one_text(
    log_in: LogIn,
    provider: ModelProvider,
    server: EmbeddingsServer,
) -> None:
    client = log_in("owner")
    assert "“m” works: 8 dimensions" in told(client, provider)
    assert len(server.requests) == 1
    provider.models.update(dimensions=9)
    assert "Correct the model's dimensions" in told(client, provider)
    server.always = misbehaving.status(401)
    assert "Set a valid key" in told(client, provider)
    provider.models.all().delete()
    assert "no model to test" in told(client, provider)


@pytest.mark.parametrize("role", ROLES)
def test_only_owners_and_superusers_come_near(
    log_in: LogIn,
    provider: ModelProvider,
    server: EmbeddingsServer,
    role: str,
) -> None:
    client, may = log_in(role), role in ("superuser", "owner")
    page = client.get(reverse(CHANGE, args=[provider.pk])).status_code
    test = client.post(reverse(TEST, args=[provider.pk])).status_code
    assert (page == 200) is may
    assert (test == 302) is may
    assert len(server.requests) == int(may)


def test_an_owner_cannot_give_a_provider_to_another_tenant(log_in: LogIn, form: Form) -> None:
    other = Tenant.objects.create(name="someone else")
    answer = log_in("owner").post(reverse(ADD), form(tenant=str(other.pk)))
    assert answer.status_code == 200
    assert not ModelProvider.objects.exists()

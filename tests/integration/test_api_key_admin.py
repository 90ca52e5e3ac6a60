"""API keys in the admin: who may have them, and that their text is seen once."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from datasets.models import Dataset, Membership, Tenant
from segments.models import ApiKey
from segments.services.api_keys import create_api_key, find_api_key

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "admin:segments_apikey_changelist"
ADD = "admin:segments_apikey_add"
PAGE = "admin:segments_apikey_change"

LogIn = Callable[[str], Client]


@pytest.fixture
def log_in(tenant: Tenant) -> LogIn:
    def log_in(role: str) -> Client:
        user = User.objects.create_user(role, is_staff=True, is_superuser=role == "superuser")
        if role in Membership.Role.values:
            Membership.objects.create(tenant=tenant, user=user, role=role)
        client = Client()
        client.force_login(user)
        return client

    return log_in


def make(client: Client, tenant: Tenant, name: str = "robot", **more: Any) -> Any:
    form = {"tenant": tenant.pk, "name": name, "scope": "write"} | more
    return client.post(reverse(ADD), form)


@pytest.mark.parametrize("role", ["superuser", "owner"])
def test_owners_make_keys_whose_text_is_shown_once(
    tenant: Tenant, log_in: LogIn, role: str
) -> None:
    client = log_in(role)

    answer = make(client, tenant)

    page = answer.content.decode()
    found = re.search(r"dataset-[A-Za-z0-9]{32}", page)
    assert found is not None
    key = find_api_key(found[0])
    assert key is not None
    assert (key.tenant, key.name) == (tenant, "robot")
    assert key.created_by is not None
    assert key.created_by.username == role
    assert "no-store" in answer["Cache-Control"]
    for url in (reverse(LIST), reverse(PAGE, args=[key.pk]), reverse("admin:index")):
        assert found[0] not in client.get(url).content.decode()


@pytest.mark.parametrize("role", ["editor", "viewer", "stranger"])
def test_others_neither_see_nor_make_them(tenant: Tenant, log_in: LogIn, role: str) -> None:
    key, _ = create_api_key(tenant, "robot")
    client = log_in(role)

    assert client.get(reverse(LIST)).status_code == 403
    assert client.get(reverse(PAGE, args=[key.pk])).status_code in (403, 404)
    assert make(client, tenant).status_code == 403
    assert ApiKey.objects.count() == 1


def test_owners_see_and_make_keys_of_their_own_tenants_only(tenant: Tenant, log_in: LogIn) -> None:
    other = Tenant.objects.create(name="other")
    theirs, _ = create_api_key(other, "theirs")
    create_api_key(tenant, "ours")
    client = log_in("owner")

    page = client.get(reverse(LIST)).content.decode()
    assert "ours" in page
    assert "theirs" not in page
    assert client.get(reverse(PAGE, args=[theirs.pk])).status_code == 404
    assert make(client, other).status_code == 200  # the form again, with its refusal
    client.post(reverse(LIST), {"action": "revoke", "_selected_action": [str(theirs.pk)]})
    assert ApiKey.objects.active().count() == 2


def test_keys_are_revoked_not_changed_or_deleted(tenant: Tenant, log_in: LogIn) -> None:
    key, text = create_api_key(tenant, "robot")
    client = log_in("owner")

    assert client.post(reverse(PAGE, args=[key.pk]), {"name": "x"}).status_code == 403
    delete = reverse("admin:segments_apikey_delete", args=[key.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403
    client.post(reverse(LIST), {"action": "revoke", "_selected_action": [str(key.pk)]})

    assert find_api_key(text) is None
    key.refresh_from_db()
    assert (key.name, key.revoked_at is None) == ("robot", False)
    assert client.get(reverse(PAGE, args=[key.pk])).status_code == 200


def test_a_key_is_for_a_dataset_of_its_tenant_and_ends_in_the_future(
    tenant: Tenant, log_in: LogIn
) -> None:
    client = log_in("superuser")
    own, foreign = (
        Dataset.objects.create(tenant=owner, name="kb", indexing_technique="economy")
        for owner in (tenant, Tenant.objects.create(name="foreign"))
    )

    assert "another tenant" in make(client, tenant, dataset=foreign.pk).content.decode()
    past = {"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}
    assert "in the past" in make(client, tenant, **past).content.decode()
    assert not ApiKey.objects.exists()

    make(client, tenant, dataset=own.pk, scope="read", is_tenants_own="on")
    key = ApiKey.objects.get()
    assert (key.dataset, key.scope, key.is_tenants_own) == (own, "read", True)

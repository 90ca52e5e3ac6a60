"""API keys: which are accepted, and what is kept of them."""

from datetime import timedelta
from hashlib import sha256
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from datasets.exceptions import TenantNotFound
from datasets.models import Tenant
from segments.models import ApiKey
from segments.services.api_keys import create_api_key, find_api_key, record_use, revoke_api_key

from ..api_client import Api

pytestmark = pytest.mark.django_db(transaction=True)

MISSING = "Authorization header must be provided and start with 'Bearer'"
OTHER_SCHEME = "Authorization scheme must be 'Bearer'"
UNKNOWN = "Access token is invalid"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, MISSING),
        ("", MISSING),
        ("Bearer", MISSING),
        ("Bearer ", MISSING),
        ("dataset-abc", MISSING),
        ("Basic abc", OTHER_SCHEME),
        ("Bearer dataset-abc", UNKNOWN),
        ("bearer \xe4", UNKNOWN),
    ],
)
def test_who_shows_no_key_is_refused_and_told_what_to_show(
    header: str | None, message: str
) -> None:
    answer = Client().get(
        "/v1/datasets", headers={} if header is None else {"Authorization": header}
    )

    assert answer.status_code == 401
    assert answer.json() == {"code": "unauthorized", "message": message, "status": 401}
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(tenant: Tenant, scheme: str) -> None:
    _, text = create_api_key(tenant, "tests")

    answer = Client().get("/v1/datasets", headers={"Authorization": f"{scheme} {text}"})

    assert answer.status_code == 200


def test_a_key_is_kept_as_its_hash_and_beginning(tenant: Tenant) -> None:
    key, text = create_api_key(tenant, "tests")

    assert text.startswith("dataset-")
    assert len(text) == len("dataset-") + 32
    key.refresh_from_db()
    assert key.key_hash == sha256(text.encode()).hexdigest()
    assert key.prefix == text[:12]
    assert text not in str(ApiKey.objects.values().get(pk=key.pk))


def test_a_revoked_key_opens_nothing(tenant: Tenant) -> None:
    key, text = create_api_key(tenant, "tests")
    api = Api(text)
    assert api.get("datasets").status_code == 200

    revoke_api_key(key)

    assert api.get("datasets").json()["message"] == UNKNOWN
    key.refresh_from_db()
    revoked_at = key.revoked_at
    revoke_api_key(key)
    key.refresh_from_db()
    assert key.revoked_at == revoked_at


def test_use_is_noted_to_the_minute(tenant: Tenant) -> None:
    key, text = create_api_key(tenant, "tests")

    def last_use() -> object:
        found = find_api_key(text)
        assert found is not None
        record_use(found)
        key.refresh_from_db()
        return key.last_used_at

    first = last_use()
    assert first is not None
    assert last_use() == first
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    assert last_use() != first


def test_the_command_prints_the_key_alone(tenant: Tenant) -> None:
    out = StringIO()
    call_command("create_api_key", tenant=tenant.name, name="ci", stdout=out)

    assert out.getvalue().count("\n") == 1
    key = find_api_key(out.getvalue().strip())
    assert key is not None
    assert (key.tenant, key.name) == (tenant, "ci")


def test_the_command_makes_a_tenant_only_when_told_to(tenant: Tenant) -> None:
    with pytest.raises(TenantNotFound, match="acme"):
        call_command("create_api_key", tenant="acma")
    with pytest.raises(CommandError, match="blank"):
        call_command("create_api_key", "--create-tenant", tenant=" ")
    call_command("create_api_key", "--create-tenant", tenant="acma", stdout=StringIO())

    assert set(Tenant.objects.values_list("name", flat=True)) >= {"acme", "acma"}

"""API keys: which are accepted, and what is kept of them."""

from datetime import timedelta
from hashlib import sha256
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from datasets.exceptions import TenantNotFound
from datasets.models import Dataset, Document, Membership, Tenant
from segments.models import ApiKey
from segments.services.api_keys import create_api_key, find_api_key, record_use, revoke_api_key

from ..api_client import QA, Api, batch_import
from ..conftest import MakeDocument

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


def status_with(text: str) -> int:
    return int(Api(text).get("datasets").status_code)


@pytest.mark.parametrize("role", ["owner", "editor"])
def test_a_key_dies_with_the_membership_of_its_maker(tenant: Tenant, role: str) -> None:
    maker = User.objects.create_user("ann")
    membership = Membership.objects.create(tenant=tenant, user=maker, role=role)
    _, text = create_api_key(tenant, "anns", maker)
    own, its_text = create_api_key(tenant, "the tenant's", maker)
    ApiKey.objects.filter(pk=own.pk).update(is_tenants_own=True)
    assert (status_with(text), status_with(its_text)) == (200, 200)

    User.objects.update(is_active=False)
    assert (status_with(text), status_with(its_text)) == (401, 200)
    User.objects.update(is_active=True)
    assert status_with(text) == 200
    membership.delete()
    assert (status_with(text), status_with(its_text)) == (401, 200)
    maker.delete()
    assert (status_with(text), status_with(its_text)) == (401, 200)


def test_a_key_may_no_more_than_its_maker(tenant: Tenant) -> None:
    maker = User.objects.create_user("ann")
    membership = Membership.objects.create(tenant=tenant, user=maker, role="owner")
    _, writes = create_api_key(tenant, "writes", maker)
    _, reads = create_api_key(tenant, "reads", maker, scope="read")

    membership.role = "viewer"
    membership.save()

    assert (status_with(writes), status_with(reads)) == (401, 200)


def test_a_key_expires(tenant: Tenant) -> None:
    key, text = create_api_key(tenant, "x", expires_at=timezone.now() + timedelta(hours=1))
    assert status_with(text) == 200

    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert status_with(text) == 401


def test_a_key_for_reading_changes_nothing(document: Document, tenant: Tenant) -> None:
    api = Api(create_api_key(tenant, "reads", scope="read")[1])
    dataset = f"datasets/{document.dataset_id}"

    assert api.post(f"{dataset}/retrieve", {"query": "x"}).status_code == 200
    assert api.get(f"{dataset}/documents").status_code == 200
    refused = api.post("datasets", {"name": "new"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "only read" in refused.json()["message"]
    for answer in (
        api.patch(dataset, {"name": "x"}),
        api.client.delete(f"/v1/{dataset}", headers=api.headers),
        api.send("files/upload", {"file": b"x"}),
        api.post(f"{dataset}/documents/{document.pk}/segments", {"segments": [{"content": "x"}]}),
    ):
        assert answer.status_code == 403


def test_a_key_for_one_dataset_reaches_no_other(
    api: Api, document: Document, economy: Dataset, make_document: MakeDocument, tenant: Tenant
) -> None:
    other, job_id = make_document(economy), api.start(document)
    upload = api.send("files/upload", {"file": QA}).json()["id"]
    one = Api(create_api_key(tenant, "one", dataset=economy)[1])

    assert [entry["id"] for entry in one.get("datasets").json()["data"]] == [str(economy.pk)]
    assert one.get(f"datasets/{document.dataset_id}").status_code == 404
    assert one.get(f"imports/{job_id}").status_code == 404
    assert one.get("imports").json()["total"] == 0
    assert one.post("datasets", {"name": "new"}).status_code == 403
    assert one.post("datasets/tags", {"name": "new"}).status_code == 403
    assert one.post(batch_import(other), {"upload_file_id": upload}).status_code == 404
    mine = one.send("files/upload", {"file": QA}).json()["id"]
    assert one.post(batch_import(other), {"upload_file_id": mine}).status_code == 200


def test_the_command_makes_keys_that_may_less(tenant: Tenant, economy: Dataset) -> None:
    out = StringIO()
    call_command(
        "create_api_key", "--read-only", tenant=tenant.name, dataset="archive", days=3, stdout=out
    )
    key = find_api_key(out.getvalue().strip())
    assert key is not None
    assert (key.scope, key.dataset) == ("read", economy)
    assert key.expires_at is not None
    assert timedelta(days=2) < key.expires_at - timezone.now() <= timedelta(days=3)
    with pytest.raises(CommandError, match="--days is 0"):
        call_command("create_api_key", tenant=tenant.name, days=0)

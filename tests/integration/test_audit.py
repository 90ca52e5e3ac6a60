"""The audit log: written by whatever door, never changed, read by owners."""

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.urls import reverse

from datasets.models import Dataset, Document, Invitation, Membership, Tenant
from segments.models import ApiKey, AuditEntry, ModelProvider
from segments.services.api_keys import create_api_key, revoke_api_key
from segments.services.knowledge import NewDataset, create_dataset, delete_dataset

from .api_client import Api
from .roles import LogIn

pytestmark = pytest.mark.django_db(transaction=True)

URL = "https://models.example.org/v1"


def told() -> list[tuple[str, str, str, str]]:
    """The log, oldest first: action, kind, name, actor."""
    entries = AuditEntry.objects.order_by("id")
    return list(entries.values_list("action", "kind", "name", "actor"))


def test_services_note_what_they_do(tenant: Tenant) -> None:
    first, user = len(told()), User.objects.create(username="ann")
    wanted = NewDataset(name="prices", indexing_technique="economy")
    dataset = create_dataset(tenant, wanted, user)
    dataset.name = "rates"
    dataset.save(update_fields=["name"])
    key, _ = create_api_key(tenant, "shop", user)
    revoke_api_key(key, user)
    delete_dataset(dataset)

    assert told()[first:] == [
        ("created", "dataset", "prices", "ann"),
        ("changed", "dataset", "rates", ""),
        ("created", "API key", str(key), "ann"),
        ("revoked", "API key", str(key), "ann"),
        ("deleted", "dataset", "rates", ""),
    ]
    assert AuditEntry.objects.get(action="changed").changes == {"name": ["prices", "rates"]}


def test_what_is_rolled_back_was_not_done(tenant: Tenant) -> None:
    before = told()
    with transaction.atomic():
        create_api_key(tenant, "shop")
        transaction.set_rollback(True)
    assert told() == before


def test_a_secret_is_noted_without_its_value(tenant: Tenant) -> None:
    provider = ModelProvider.objects.create(
        tenant=tenant, name="ours", base_url=URL, credentials="sealed-1"
    )
    provider.credentials = "sealed-2"
    provider.save()

    entry = AuditEntry.objects.latest("id")
    assert entry.changes == {"credentials": ["(secret)", "(secret)"]}
    assert "sealed" not in str(list(AuditEntry.objects.values()))


def test_forms_and_keys_say_who_acts(log_in: LogIn, api: Api, dataset: Dataset) -> None:
    client = log_in("owner")
    page = reverse("admin:segments_apikey_add")
    form = {"tenant": dataset.tenant_id, "name": "made by hand", "scope": ApiKey.Scope.WRITE}
    assert client.post(page, form).status_code == 200
    made = AuditEntry.objects.latest("id")
    assert (made.action, made.kind, made.actor) == ("created", "API key", "owner")
    assert made.via == "admin"

    api.patch(f"datasets/{dataset.pk}", {"name": "renamed"})
    changed = AuditEntry.objects.latest("id")
    assert (changed.action, changed.changes) == ("changed", {"name": [dataset.name, "renamed"]})
    assert changed.via.startswith("API, key ")


def test_members_are_noted_when_they_come_and_go(tenant: Tenant) -> None:
    first, user = len(told()), User.objects.create(username="ann")
    Invitation.objects.create(tenant=tenant, username="ann", role="editor").delete()
    Membership.objects.create(tenant=tenant, user=user, role="editor").delete()

    assert [entry[:2] for entry in told()[first:]] == [
        *(("created", "invitation"), ("deleted", "invitation")),
        *(("created", "membership"), ("deleted", "membership")),
    ]


def test_of_a_dataset_that_goes_its_documents_are_not_listed(document: Document) -> None:
    first = len(told())
    Document.objects.create(tenant=document.tenant, dataset=document.dataset, name="b").delete()
    document.dataset.delete()

    kinds = [entry[:2] for entry in told()[first:]]
    assert kinds == [("deleted", "document"), ("deleted", "dataset")]


@pytest.mark.parametrize("what", ["update", "delete"])
def test_the_database_refuses_to_change_it(tenant: Tenant, what: str) -> None:
    entries = AuditEntry.objects.all()
    act = {"update": lambda: entries.update(actor="x"), "delete": entries.delete}[what]
    with pytest.raises(DatabaseError, match="append-only"):
        act()


@pytest.mark.parametrize("role", ["superuser", "owner", "editor", "outsider"])
def test_owners_read_it(log_in: LogIn, dataset: Dataset, role: str) -> None:
    page = log_in(role).get(reverse("admin:segments_auditentry_changelist"))
    shown = "created" in page.content.decode() and f">{dataset.name}<" in page.content.decode()
    assert shown is (role in ("superuser", "owner"))

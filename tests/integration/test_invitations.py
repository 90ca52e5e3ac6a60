"""Joining a tenant: an owner invites, whoever has the name decides, and nobody learns of names."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from datasets.models import Invitation, Membership, Tenant

from .roles import LogIn

pytestmark = pytest.mark.django_db(transaction=True)

EMPTY = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}


def invite(owner: Client, tenant: Tenant, name: str, role: str = "viewer") -> str:
    """Who invites somebody sees this."""
    form = EMPTY | {
        "name": tenant.name,
        "invitations-TOTAL_FORMS": "1",
        "invitations-INITIAL_FORMS": "0",
        "invitations-0-username": name,
        "invitations-0-role": role,
        "invitations-0-tenant": str(tenant.pk),
    }
    page = owner.post(reverse("admin:datasets_tenant_change", args=[tenant.pk]), form, follow=True)
    return str(page.content.decode()).replace(name, "NAME")


def person(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.create_user(name, is_staff=True))
    return client


def answer_with(client: Client, choice: str) -> int:
    invitation = Invitation.objects.get()
    page = reverse("admin:datasets_invitation_change", args=[invitation.pk])
    return client.post(page, {choice: "x"}).status_code


def test_whoever_is_invited_decides(tenant: Tenant, log_in: LogIn) -> None:
    owner, newcomer, other = log_in("owner"), person("newcomer"), person("other")
    invite(owner, tenant, "newcomer")

    assert not Membership.objects.filter(user__username="newcomer").exists()
    assert "acme" in newcomer.get(reverse("admin:datasets_invitation_changelist")).content.decode()
    assert answer_with(other, "accept") == 403
    assert Invitation.objects.exists()

    assert answer_with(newcomer, "accept") == 302
    joined = Membership.objects.get(user__username="newcomer")
    assert (joined.tenant, joined.role) == (tenant, "viewer")
    assert not Invitation.objects.exists()


def test_a_declined_invitation_leaves_nothing(tenant: Tenant, log_in: LogIn) -> None:
    owner, newcomer = log_in("owner"), person("newcomer")
    invite(owner, tenant, "newcomer", "owner")

    assert answer_with(newcomer, "decline") == 302
    assert not Invitation.objects.exists()
    assert not Membership.objects.filter(user__username="newcomer").exists()


def test_a_login_tells_of_the_invitation(tenant: Tenant) -> None:
    user = User.objects.create_user("newcomer", is_staff=True)
    user.set_password("correct horse")
    user.save()
    Invitation.objects.create(tenant=tenant, username="newcomer")
    form = {"username": "newcomer", "password": "correct horse"}

    page = Client().post("/admin/login/?next=/admin/", form, follow=True)

    assert "You are invited to acme" in page.content.decode()


def test_an_owner_does_not_learn_which_names_exist(tenant: Tenant, log_in: LogIn) -> None:
    owner = log_in("owner")
    person("somebody")

    there = invite(owner, tenant, "somebody")
    Invitation.objects.all().delete()
    nowhere = invite(owner, tenant, "nobody")

    assert "There is no user" not in nowhere
    assert there.count("NAME") == nowhere.count("NAME")
    assert Invitation.objects.filter(username="nobody").exists()


@pytest.mark.parametrize("role", ["editor", "viewer", "outsider"])
def test_only_owners_invite(tenant: Tenant, log_in: LogIn, role: str) -> None:
    invite(log_in(role), tenant, "newcomer")
    assert not Invitation.objects.exists()

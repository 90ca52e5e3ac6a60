"""People of every role, logged in: for tests of what each may see and do."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from datasets.models import Membership, Tenant

ROLES = ("superuser", "owner", "editor", "viewer", "outsider", "stranger")
SEES, EDITS = ROLES[:4], ROLES[:3]

LogIn = Callable[[str], Client]


@pytest.fixture
def log_in(tenant: Tenant) -> LogIn:
    """Logs in somebody of a role in the tenant; outsiders are members of another one."""

    def log_in(role: str) -> Client:
        user = User.objects.create_user(role, password=None, is_staff=True)
        if role == "superuser":
            user.is_superuser = True
            user.save()
        elif role == "outsider":
            other = Tenant.objects.create(name="other")
            Membership.objects.create(tenant=other, user=user, role="owner")
        elif role != "stranger":
            Membership.objects.create(tenant=tenant, user=user, role=role)
        client = Client()
        client.force_login(user)
        return client

    return log_in

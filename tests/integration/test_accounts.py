"""The first account and the first tenant of an installation."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import AbstractBaseUser, User
from django.test import RequestFactory

from datasets.accounts import ensure_admin, ensure_tenant
from datasets.models import Tenant

pytestmark = pytest.mark.django_db


def _log_in(password: str) -> AbstractBaseUser | None:
    """The admin, if this is the password at the login page."""
    request = RequestFactory().post("/admin/login/")
    return authenticate(request, username="admin", password=password)


def test_the_first_start_makes_an_admin_whose_password_is_told_once() -> None:
    password = ensure_admin()

    assert password is not None
    assert len(password) == 20
    user = _log_in(password)
    assert isinstance(user, User)
    assert user.is_superuser
    assert user.is_staff
    assert password not in user.password
    assert ensure_admin() is None


def test_a_superuser_of_any_name_will_do() -> None:
    User.objects.create_superuser("root")

    assert ensure_admin() is None
    assert not User.objects.filter(username="admin").exists()


def test_a_reset_gives_the_admin_another_password() -> None:
    first = ensure_admin()
    User.objects.filter(username="admin").update(is_active=False)
    second = ensure_admin(reset=True)

    assert first
    assert second
    assert second != first
    assert _log_in(first) is None
    assert _log_in(second) is not None


def test_the_default_tenant_is_made_only_where_there_is_none() -> None:
    ensure_tenant()
    ensure_tenant()
    assert [tenant.name for tenant in Tenant.objects.all()] == ["default"]

    Tenant.objects.update(name="renamed")
    ensure_tenant()
    assert [tenant.name for tenant in Tenant.objects.all()] == ["renamed"]

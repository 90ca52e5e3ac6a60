"""The first account of an installation."""

import secrets

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

from datasets.models import DEFAULT_TENANT, Tenant

FIRST_ADMIN = "admin"
# 15 random bytes, 120 bits, as 20 characters that can be typed.
PASSWORD_BYTES = 15


def ensure_admin(*, reset: bool = False) -> str | None:
    """Make the superuser `admin` if there is no superuser yet; its password if that is new.

    With `reset` the account is given a new password, and is made if need be. The password is
    stored hashed alone, so this is the only time that anybody sees it.
    """
    users = get_user_model().objects
    if not reset and users.filter(is_superuser=True).exists():
        return None
    user, _ = users.get_or_create(username=FIRST_ADMIN)
    return _give_password(user)


def ensure_tenant() -> None:
    """Make the default tenant if there is no tenant yet: a dataset needs one."""
    if not Tenant.objects.exists():
        Tenant.objects.bulk_create([Tenant(name=DEFAULT_TENANT)], ignore_conflicts=True)


def _give_password(user: User) -> str:
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    user.set_password(password)
    user.is_staff = user.is_superuser = user.is_active = True
    user.save()
    return password

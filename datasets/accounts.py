"""The first account of an installation, and what a locked-out user sees."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from math import ceil

from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from datasets.models import DEFAULT_TENANT, Tenant

FIRST_ADMIN = "admin"
# 15 random bytes, 120 bits, as 20 characters that can be typed.
PASSWORD_BYTES = 15


def ensure_admin(*, reset: bool = False) -> str | None:
    """Create the superuser `admin` if there is no superuser yet; return its password if it is new.

    `reset` gives the account a new password, and creates it if necessary. Only a hash of the
    password is stored, so it cannot be shown again.
    """
    users = get_user_model().objects
    if not reset and users.filter(is_superuser=True).exists():
        return None
    user, _ = users.get_or_create(username=FIRST_ADMIN)
    return _give_password(user)


def ensure_tenant() -> None:
    """Create the default tenant if there is none yet: a dataset needs one."""
    if not Tenant.objects.exists():
        Tenant.objects.bulk_create([Tenant(name=DEFAULT_TENANT)], ignore_conflicts=True)


def _give_password(user: User) -> str:
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    user.set_password(password)
    user.is_staff = user.is_superuser = user.is_active = True
    user.save()
    return password


MINUTE_SECONDS = 60


def refuse_for_now(
    request: HttpRequest, response: HttpResponse | None, credentials: Mapping[str, str] | None
) -> HttpResponse:
    """A page that says when to try again, with a `Retry-After` header for programs."""
    wait = _seconds_to_wait(request, (credentials or {}).get("username"))
    context = admin.site.each_context(request) | {
        "title": "Too many attempts",
        "minutes": ceil(wait / MINUTE_SECONDS),
    }
    page = render(request, "admin/login_paused.html", context, status=429)
    page["Retry-After"] = str(wait)
    return page


def _seconds_to_wait(request: HttpRequest, username: str | None) -> int:
    """Counted from the last wrong password; attempts during the pause do not prolong it."""
    address = request.META.get("REMOTE_ADDR")
    attempts = AccessAttempt.objects.filter(username=username, ip_address=address)
    last = attempts.aggregate(last=Max("attempt_time"))["last"] or timezone.now()
    pause = get_cool_off(request) or timedelta()
    return max(ceil((last + pause - timezone.now()).total_seconds()), 1)

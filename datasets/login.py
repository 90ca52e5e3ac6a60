"""What somebody sees who has given wrong passwords too often."""

from collections.abc import Mapping
from datetime import timedelta
from math import ceil

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

MINUTE_SECONDS = 60


def refuse_for_now(
    request: HttpRequest, response: HttpResponse | None, credentials: Mapping[str, str] | None
) -> HttpResponse:
    """A page that tells when to try again, and a header that tells it to programs."""
    wait = _seconds_to_wait(request, (credentials or {}).get("username"))
    context = admin.site.each_context(request) | {
        "title": "Too many attempts",
        "minutes": ceil(wait / MINUTE_SECONDS),
    }
    page = render(request, "admin/login_paused.html", context, status=429)
    page["Retry-After"] = str(wait)
    return page


def _seconds_to_wait(request: HttpRequest, username: str | None) -> int:
    """Since the last wrong password; attempts in the meantime are not counted."""
    address = request.META.get("REMOTE_ADDR")
    attempts = AccessAttempt.objects.filter(username=username, ip_address=address)
    last = attempts.aggregate(last=Max("attempt_time"))["last"] or timezone.now()
    pause = timedelta(seconds=settings.SEGMILL_LOGIN_PAUSE_SECONDS)
    return max(ceil((last + pause - timezone.now()).total_seconds()), 1)

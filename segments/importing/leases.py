"""What a claim on work is made of: who holds it, until when, and when it may be tried again."""

import os
import random
import socket
import threading
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

# The longest pause between two tries of the same work, before jitter.
MAX_BACK_OFF_SECONDS = 300


def worker_name() -> str:
    """Who holds a claim: host, process and thread, for people who look for it."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"


def lease() -> Any:
    """When a lease taken now runs out, as an expression on the database's clock."""
    return Now() + timedelta(seconds=settings.SEGMILL_LEASE_SECONDS)


def is_due() -> Q:
    """Whether work that was put back may be tried again by now."""
    return Q(not_before__isnull=True) | Q(not_before__lte=Now())


def after_back_off(attempts: int) -> Any:
    """When to try again after so many tries, as an expression on the database's clock.

    The pause doubles with each try; jitter keeps what failed together from returning together.
    """
    pause = min(settings.SEGMILL_RETRY_SECONDS * 2 ** (attempts - 1), MAX_BACK_OFF_SECONDS)
    return Now() + timedelta(seconds=pause * random.uniform(0.5, 1.5))  # noqa: S311

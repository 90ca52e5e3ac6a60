"""The times of a claim on work: until when it holds, and when the work may be tried again."""

import random
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

# The longest pause between two tries of the same work, before jitter.
MAX_BACK_OFF_SECONDS = 300


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

"""API keys: made, found by what a program shows, revoked.

By hand: the keys of djangorestframework-api-key belong to no tenant and do not look like Dify's.
"""

import hashlib
import secrets
import string
from datetime import datetime, timedelta
from functools import cache

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from datasets.models import Dataset, Tenant
from segments.models import ApiKey
from segments.models.api import PREFIX_CHARS
from segments.models.audit import AuditAction, record

# Keys of knowledge bases look like this to Dify's clients.
KEY_START = "dataset-"
ALPHABET = string.ascii_letters + string.digits
# 32 characters of 62 are 190 bits: too many to guess.
RANDOM_CHARS = 32
# Where the hash of a key stands in the statement that looks for one.
ANY_HASH = "?"
# When a key was last used is noted at most this often: a write a request would be too many.
RECORD_USE_EVERY = timedelta(minutes=1)


@transaction.atomic
def create_api_key(
    tenant: Tenant,
    name: str,
    user: User | None = None,
    *,
    scope: str = ApiKey.Scope.WRITE,
    dataset: Dataset | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key for `tenant`, and the text that its holder has to show; it is not kept.

    `dataset`, one of the tenant's, is the only one that it reaches. A key that no `user` makes is
    the tenant's own; another one works as long as the user may do what it does.
    """
    key = ApiKey(
        tenant=tenant,
        name=name,
        created_by=user,
        scope=scope,
        dataset=dataset,
        expires_at=expires_at,
        is_tenants_own=user is None,
    )
    text = set_new_text(key)
    key.save(force_insert=True)
    return key, text


def set_new_text(key: ApiKey) -> str:
    """Draw the text of a key that is not saved yet, which its holder has to show."""
    text = KEY_START + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARS))
    key.prefix, key.key_hash = text[:PREFIX_CHARS], _hash(text)
    return text


def find_api_key(text: str) -> ApiKey | None:
    """The key whose text this is, if it may still be used."""
    asked = _hash(text)
    statement, given = _finding()
    values = [asked if value == ANY_HASH else value for value in given]
    return next(iter(ApiKey.objects.raw(statement, values)), None)


@cache
def _finding() -> tuple[str, tuple[object, ...]]:
    """The statement that finds a usable key by its hash, and its values.

    Written once: every request asks it, and Django takes longer to write it than the database to
    answer it.
    """
    return ApiKey.objects.usable().filter(key_hash=ANY_HASH).order_by().query.sql_with_params()


def record_use(key: ApiKey) -> None:
    """Remember that the key was used now, to the minute."""
    if key.last_used_at and timezone.now() - key.last_used_at < RECORD_USE_EVERY:
        return
    earlier = Q(last_used_at=None) | Q(last_used_at__lt=Now() - RECORD_USE_EVERY)
    ApiKey.objects.filter(earlier, pk=key.pk).update(last_used_at=Now())


@transaction.atomic
def revoke_api_key(key: ApiKey, user: User | None = None) -> None:
    """Refuse every later request with the key."""
    if ApiKey.objects.active().filter(pk=key.pk).update(revoked_at=Now()):
        record(AuditAction.REVOKED, key, user=user)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()

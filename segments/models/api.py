"""API keys and files uploaded ahead of their import."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from datasets.models import Tenant, not_blank

HASH_CHARS = 64
PREFIX_CHARS = 12


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Filters on keys."""

    def active(self) -> "ApiKeyQuerySet":
        """Keys that have not been revoked."""
        return self.filter(revoked_at__isnull=True)


class ApiKey(models.Model):
    """The right to act for a tenant with the permissions of an owner.

    The key itself is shown once, when it is created. Stored are its SHA-256 (keys are long and
    random, so a slow hash would add nothing) and its first characters, so people can find it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=255)
    prefix = models.CharField(max_length=PREFIX_CHARS, editable=False)
    key_hash = models.CharField(max_length=HASH_CHARS, unique=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        verbose_name = "API key"
        constraints: ClassVar = [
            not_blank("name", "api_key_name_not_blank"),
            models.CheckConstraint(
                condition=Q(key_hash__regex=r"^[0-9a-f]{64}$"), name="api_key_hash_is_sha256"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class UploadFile(models.Model):
    """A tenant's stored file, uploaded ahead of its import; the import shares its `key`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="uploads")
    name = models.CharField(max_length=255)
    key = models.CharField(max_length=255, unique=True)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    mime_type = models.CharField(max_length=255, blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="upload_by_age")]

    def __str__(self) -> str:
        return self.name

    @property
    def extension(self) -> str:
        """The part of the name after its last dot, in lower case; empty without a dot."""
        _, dot, extension = self.name.rpartition(".")
        return extension.lower() if dot else ""

"""API keys and files uploaded ahead of their import."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from datasets.models import Dataset, Membership, Tenant, not_blank

HASH_CHARS = 64
PREFIX_CHARS = 12


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Filters on keys."""

    def active(self) -> "ApiKeyQuerySet":
        """Keys that have neither been revoked nor expired."""
        has_time = Q(expires_at=None) | Q(expires_at__gt=Now())
        return self.filter(has_time, revoked_at__isnull=True)

    def usable(self) -> "ApiKeyQuerySet":
        """Active keys that are their tenant's own, or whose makers may still do what they do."""
        members = Membership.objects.filter(
            tenant=OuterRef("tenant"), user=OuterRef("created_by"), user__is_active=True
        )
        may_read = Q(Exists(members), scope=ApiKey.Scope.READ)
        may_write = Exists(members.filter(role__in=Membership.EDITING_ROLES))
        everywhere = Q(created_by__is_superuser=True, created_by__is_active=True)
        return self.active().filter(Q(is_tenants_own=True) | everywhere | may_read | may_write)


class ApiKey(models.Model):
    """The right to act for a tenant: to read, or to write too, in one dataset or in all.

    It ends when it is revoked, when it expires, and with its maker's membership, unless it is the
    tenant's own.

    The key itself is shown once, when it is created. Stored are its SHA-256 (keys are long and
    random, so a slow hash would add nothing) and its first characters, so people can find it.
    """

    class Scope(models.TextChoices):
        """What may be done with a key."""

        READ = "read", "Read and search"
        WRITE = "write", "Read, search and change"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=255)
    scope = models.CharField(max_length=8, choices=Scope.choices, default=Scope.WRITE)
    # Deleted with its dataset: emptied, the field would mean all of them.
    dataset = models.ForeignKey(
        Dataset,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="The only dataset the key is for; empty for all of the tenant.",
    )
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="Empty for a key that does not expire."
    )
    is_tenants_own = models.BooleanField(
        "the tenant's own",
        default=False,
        help_text="It works on after its maker has left the tenant.",
    )
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
                condition=Q(scope__in=["read", "write"]), name="api_key_scope_known"
            ),
            models.CheckConstraint(
                condition=Q(key_hash__regex=r"^[0-9a-f]{64}$"), name="api_key_hash_is_sha256"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def may_write(self) -> bool:
        """Whether anything may be changed with it."""
        return self.scope == self.Scope.WRITE


class UploadPiece(models.Model):
    """A part of an uploaded file where uploads are in the database (`segments.db.storage`)."""

    key = models.CharField(max_length=255)
    number = models.PositiveIntegerField()
    content = models.BinaryField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key", "number"], name="upload_piece_once")
        ]

    def __str__(self) -> str:
        return f"piece {self.number} of {self.key}"


class UploadFile(models.Model):
    """A tenant's stored file, uploaded ahead of its import; the import shares its `key`.

    What came with an API key for one dataset is for that `dataset` only.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="uploads")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, null=True, related_name="+")
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

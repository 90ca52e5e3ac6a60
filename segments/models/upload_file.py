"""UploadFile: a file handed in ahead of the import that will read it."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from datasets.models import Tenant


class UploadFile(models.Model):
    """A stored file of a tenant. An import takes a copy, so each stored file has one owner."""

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
        """What stands after the last dot of the name, in lower case."""
        _, dot, extension = self.name.rpartition(".")
        return extension.lower() if dot else ""

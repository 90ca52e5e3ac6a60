"""The audit log: who did what to which dataset, key, member or model."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

ID_CHARS = 64
NAME_CHARS = 255


class AuditAction(models.TextChoices):
    """What was done."""

    CREATED = "created", "Created"
    CHANGED = "changed", "Changed"
    DELETED = "deleted", "Deleted"
    REVOKED = "revoked", "Revoked"
    MODEL_CHOSEN = "model_chosen", "Chose another model"


class AuditEntry(models.Model):
    """One thing that was done, with the names of that moment: no entry changes with its objects.

    A trigger refuses to change or delete one. It points to no other row, so people, tenants and
    datasets can still be deleted. `changes` has the old and the new value of each field, and for
    a secret only that it was changed. `actor` is empty for a program without a key.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now(), editable=False)
    tenant_id = models.UUIDField(null=True)
    tenant = models.CharField(max_length=NAME_CHARS, blank=True)
    actor_id = models.CharField(max_length=ID_CHARS, blank=True)
    actor = models.CharField(max_length=NAME_CHARS, blank=True)
    via = models.CharField(max_length=NAME_CHARS, blank=True)
    action = models.CharField(max_length=16, choices=AuditAction.choices)
    kind = models.CharField(max_length=32)
    object_id = models.CharField(max_length=ID_CHARS)
    name = models.CharField(max_length=NAME_CHARS)
    changes = models.JSONField(default=dict)

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["tenant_id", "-id"], name="audit_of_tenant")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(action__in=AuditAction.values), name="audit_action_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.kind} {self.name}"

"""The audit log: who did what to which dataset, key, member or model; in the same transaction.

Whoever saves or deletes one of the `AUDITED` by the ORM is noted by signals, so nobody can forget
it; what is done by an UPDATE alone calls `record`. Only the admin reads the log.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Model
from django.db.models.functions import Now
from django.db.models.signals import post_delete, post_save, pre_save

from datasets.access import Actor, current_actor
from datasets.models import Dataset, Document, Invitation, Membership, Tenant
from segments.models.api import ApiKey
from segments.models.embedding import ModelProvider, ProviderModel

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


# The fields of each that people set; a secret is noted without its value.
AUDITED: Mapping[type[Model], tuple[str, ...]] = {
    Tenant: ("name",),
    Membership: ("user_id", "role"),
    Invitation: ("username", "role"),
    Dataset: (
        *("name", "description", "indexing_technique", "embedding_model_provider"),
        *("embedding_model", "language", "text_search_config", "enable_api", "retrieval_model"),
    ),
    ApiKey: ("name", "scope", "dataset_id", "expires_at", "is_tenants_own"),
    ModelProvider: ("name", "kind", "base_url", "credentials"),
    ProviderModel: ("name", "dimensions"),
}
SECRETS = frozenset({"credentials"})
# Deleted with all that is in it; made and filled by imports, which have a history of their own.
DELETIONS_OF = (Document,)
_BEFORE = "_segmill_audited_before"


def connect() -> None:
    """Listen to what is saved and deleted; once, when Django starts."""
    for model in AUDITED:
        pre_save.connect(_remember, sender=model, dispatch_uid="segmill.audit")
        post_save.connect(_saved, sender=model, dispatch_uid="segmill.audit")
    deleted: list[type[Model]] = [*AUDITED, *DELETIONS_OF]
    for model in deleted:
        post_delete.connect(_deleted, sender=model, dispatch_uid="segmill.audit")


def record(
    action: AuditAction,
    what: Model,
    changes: Mapping[str, Any] | None = None,
    user: User | None = None,
) -> None:
    """Add an entry: `user`, or whoever is acting now, did this to `what`."""
    actor = _actor(user)
    tenant = what if isinstance(what, Tenant) else _tenant_of(what)
    AuditEntry.objects.create(
        tenant_id=tenant.pk if tenant else None,
        tenant=str(tenant or "")[:NAME_CHARS],
        actor_id=actor.id,
        actor=actor.name[:NAME_CHARS],
        via=actor.via[:NAME_CHARS],
        action=action,
        kind=str(what._meta.verbose_name),
        object_id=str(what.pk),
        name=str(what)[:NAME_CHARS],
        changes=dict(changes or {}),
    )


def _actor(user: User | None) -> Actor:
    acting = current_actor()
    if acting is None:
        return Actor.of(user, "program")
    return acting if acting.id or user is None else Actor.of(user, acting.via)


def _tenant_of(what: Model) -> Tenant | None:
    """The tenant that it belongs to; a model of a provider, by its provider."""
    owner = what.provider if isinstance(what, ProviderModel) else what
    found: Tenant | None = getattr(owner, "tenant", None)
    return found


def _values(what: Model) -> dict[str, Any]:
    """The audited fields as JSON has them."""
    values = {name: getattr(what, name, None) for name in AUDITED[type(what)]}
    return {
        name: value if isinstance(value, bool | int | dict | None) else str(value)
        for name, value in values.items()
    }


def _remember(sender: type[Model], instance: Model, **kwargs: Any) -> None:
    """What the row says before it is saved; nothing for one that is new."""
    fields = kwargs.get("update_fields")
    untouched = fields is not None and not {*fields, *_columns(fields)} & {*AUDITED[sender]}
    old = None
    if not instance._state.adding and not untouched:
        old = sender._default_manager.filter(pk=instance.pk).first()
    setattr(instance, _BEFORE, _values(old) if old else None)


def _columns(fields: Any) -> list[str]:
    """Names of fields as those of their columns, where they are foreign keys."""
    return [f"{name}_id" for name in fields]


def _saved(sender: type[Model], instance: Model, created: bool, **kwargs: Any) -> None:
    before = instance.__dict__.pop(_BEFORE, None)
    if kwargs.get("raw"):  # a fixture, which has its own log
        return
    after = _values(instance)
    if created:
        changes = {name: [None, _shown(name, value)] for name, value in after.items() if value}
        record(AuditAction.CREATED, instance, changes, getattr(instance, "created_by", None))
    elif before and before != after:
        changes = {
            name: [_shown(name, before[name]), _shown(name, value)]
            for name, value in after.items()
            if before[name] != value
        }
        record(AuditAction.CHANGED, instance, changes)


def _deleted(sender: type[Model], instance: Model, **kwargs: Any) -> None:
    origin = kwargs.get("origin")
    asked_for = getattr(origin, "model", type(origin))
    if sender in AUDITED or asked_for is sender:  # not each document of a dataset that goes
        record(AuditAction.DELETED, instance)


def _shown(name: str, value: Any) -> Any:
    return "(secret)" if name in SECRETS and value else value

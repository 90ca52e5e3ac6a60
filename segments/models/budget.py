"""What requests to a model's endpoint all workers together may still make, and who is next."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

KEY_CHARS = 64


class EmbeddingBudget(models.Model):
    """Two token buckets, of requests and of tokens, that all workers draw from.

    Moved only by the function `segments_take_budget` (see the migration `budget`) and by
    `embedding.budget`. Nobody asks before `quiet_until`: the endpoint wants to be left alone.
    """

    key = models.CharField(max_length=KEY_CHARS, primary_key=True)
    requests = models.FloatField()
    tokens = models.FloatField()
    refilled_at = models.DateTimeField()
    quiet_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.key


class EmbeddingCall(models.Model):
    """A request under way; one whose `holder` was lost stops counting at `until`."""

    id = models.UUIDField(primary_key=True)
    budget = models.ForeignKey(EmbeddingBudget, on_delete=models.CASCADE, related_name="calls")
    tenant_id = models.UUIDField()
    holder = models.TextField()
    until = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["tenant_id"], name="call_by_tenant")]

    def __str__(self) -> str:
        return f"call {self.id} until {self.until}"


class EmbeddingTurn(models.Model):
    """How much of a budget a tenant has had, so that the one with least goes next.

    `waiting_until` is set while the tenant waits for what others use.
    """

    pk = models.CompositePrimaryKey("budget_id", "tenant_id")
    budget = models.ForeignKey(EmbeddingBudget, on_delete=models.CASCADE, related_name="turns")
    tenant_id = models.UUIDField()
    served = models.FloatField(default=0)
    seen_at = models.DateTimeField()
    waiting_until = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(served__gte=0), name="turn_served_not_negative")
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} had {self.served:,.0f} of {self.budget_id}"

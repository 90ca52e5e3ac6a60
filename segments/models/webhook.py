"""Webhook: an address that is told of events. WebhookDelivery: a job that tells it of one."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import URLValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from datasets.models import Tenant
from segments.models.job import FINAL_STATUSES, BackgroundJob, JobQuerySet

URL_CHARS = 2_000


class WebhookEvent(models.TextChoices):
    """What a webhook may be told of."""

    IMPORT_COMPLETED = "import.completed", "An import is completed"
    IMPORT_FAILED = "import.failed", "An import has failed"
    IMPORT_CANCELLED = "import.cancelled", "An import was cancelled"
    IMPORT_UNDONE = "import.undone", "An import was undone"
    DOCUMENT_INDEXED = "document.indexed", "A document's text is indexed"
    DOCUMENT_FAILED = "document.failed", "A document's text could not be indexed"
    SEGMENTS_ADDED = "segments.added", "Single segments were added"
    SEGMENTS_CHANGED = "segments.changed", "Single segments were changed"
    SEGMENTS_DELETED = "segments.deleted", "Single segments were deleted"


class Webhook(models.Model):
    """An address of a tenant's that is told of `events`, with signatures made with its secret.

    `secret` is encrypted (`segments.embedding.credentials`). After a try that failed, nothing is
    sent before `paused_until`, so that an address that hangs takes no worker's time.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(
        "URL", max_length=URL_CHARS, validators=[URLValidator(schemes=["http", "https"])]
    )
    events = ArrayField(models.CharField(max_length=32, choices=WebhookEvent.choices))
    secret = models.TextField(editable=False)
    enabled = models.BooleanField(default=True)
    paused_until = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [models.Index("tenant", name="webhook_by_tenant")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(secret=""), name="webhook_has_secret"),
            models.CheckConstraint(condition=~Q(events=[]), name="webhook_has_events"),
        ]

    def __str__(self) -> str:
        return self.url


class DeliveryStatus(models.TextChoices):
    """`waiting ──► sending`, and from there `completed | failed | cancelled`."""

    WAITING = "waiting", "Waiting to be sent"
    SENDING = "sending", "Being sent"
    COMPLETED = "completed", "Delivered"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class WebhookDelivery(BackgroundJob):
    """One event for one webhook: the row is written in the transaction that makes it happen.

    `event_id` is the message's, the same for each webhook and each time it is sent again. `body`
    is what is signed and sent; `tries` counts the requests that were made.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=32, choices=WebhookEvent.choices)
    event_id = models.UUIDField(default=uuid.uuid4)
    body = models.TextField()
    status = models.CharField(
        max_length=16, choices=DeliveryStatus.choices, default=DeliveryStatus.WAITING
    )
    tries = models.PositiveIntegerField(default=0)
    response_status = models.PositiveIntegerField(null=True)

    objects = JobQuerySet["WebhookDelivery"].as_manager()

    class Meta(BackgroundJob.Meta):
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"
        indexes: ClassVar = [
            models.Index(F("webhook"), F("created_at").desc(), name="delivery_by_webhook"),
            models.Index(
                F("created_at"), name="delivery_open", condition=~Q(status__in=FINAL_STATUSES)
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status__in=DeliveryStatus.values), name="delivery_status_known"
            ),
            models.CheckConstraint(
                condition=Q(event__in=WebhookEvent.values), name="delivery_event_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=FINAL_STATUSES, finished_at__isnull=False)
                | (~Q(status__in=FINAL_STATUSES) & Q(finished_at__isnull=True)),
                name="delivery_final_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status=DeliveryStatus.SENDING) | Q(lease_until__isnull=False),
                name="delivery_at_work_has_lease",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} → {self.webhook_id} ({self.get_status_display()})"

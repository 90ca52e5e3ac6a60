"""What webhooks are told of: written in the transaction that makes it happen (an outbox).

So no event is lost, and none is sent of what was rolled back.
"""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from datasets.models import Document
from segments.models import ImportJob, Webhook, WebhookDelivery
from segments.models.import_job import ImportStatus
from segments.models.webhook import WebhookEvent
from segments.webhooks.deliveries import DELIVERIES

ENDS = {
    ImportStatus.COMPLETED: WebhookEvent.IMPORT_COMPLETED,
    ImportStatus.FAILED: WebhookEvent.IMPORT_FAILED,
    ImportStatus.CANCELLED: WebhookEvent.IMPORT_CANCELLED,
}
COUNTS = ("rows_created", "rows_updated", "rows_skipped", "rows_deleted", "rows_failed")


def announce(tenant_id: UUID, event: WebhookEvent, data: Callable[[], dict[str, Any]]) -> None:
    """Have the tenant's webhooks told of `event`, in the caller's transaction.

    `data` says what happened as JSON has it; nothing is asked of it where nobody listens.
    """
    listening = Webhook.objects.filter(tenant=tenant_id, enabled=True, events__contains=[event])
    webhooks = list(listening.order_by().values_list("pk", flat=True))
    if not webhooks:
        return
    body = _body(event, timezone.now(), data())
    event_id = uuid4()
    for webhook_id in webhooks:
        deliver(
            WebhookDelivery(
                tenant_id=tenant_id,
                webhook_id=webhook_id,
                event=event,
                event_id=event_id,
                body=body,
            )
        )


def deliver(new: WebhookDelivery) -> WebhookDelivery:
    """Keep a delivery and have it sent, both with the caller's transaction."""
    new.save(force_insert=True)
    DELIVERIES.enqueue(new.pk)
    return new


def announce_end(job_id: UUID) -> None:
    """Announce that an import has ended, and with it the indexing of a document's text."""
    job = ImportJob.objects.only("tenant_id", "document_id", "status").get(pk=job_id)
    data = _once(lambda: _import(job_id))
    announce(job.tenant_id, ENDS[ImportStatus(job.status)], data)
    if Document.objects.filter(pk=job.document_id, indexing_job=job_id).exists():
        done = job.status == ImportStatus.COMPLETED
        event = WebhookEvent.DOCUMENT_INDEXED if done else WebhookEvent.DOCUMENT_FAILED
        announce(job.tenant_id, event, data)


def announce_undo(job_id: UUID) -> None:
    """Announce that what an import had added was removed again."""
    job = ImportJob.objects.only("tenant_id").get(pk=job_id)
    announce(job.tenant_id, WebhookEvent.IMPORT_UNDONE, lambda: _import(job_id))


def announce_segments(event: WebhookEvent, document: Document, ids: Iterable[UUID]) -> None:
    """Announce what happened to single segments of a document."""

    def data() -> dict[str, Any]:
        return {
            "dataset_id": str(document.dataset_id),
            "document_id": str(document.pk),
            "segment_ids": [str(each) for each in ids],
        }

    announce(document.tenant_id, event, data)


def _import(job_id: UUID) -> dict[str, Any]:
    job = ImportJob.objects.get(pk=job_id)
    return {
        "job_id": str(job.pk),
        "dataset_id": str(job.dataset_id),
        "document_id": str(job.document_id),
        "status": job.status,
        "file": job.file_name,
        "error_code": job.error_code,
        "error": job.error,
        **{name: getattr(job, name) for name in COUNTS},
    }


def _once(make: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    made: list[dict[str, Any]] = []

    def get() -> dict[str, Any]:
        if not made:
            made.append(make())
        return made[0]

    return get


def _body(event: WebhookEvent, moment: datetime, data: dict[str, Any]) -> str:
    whole = {"type": event.value, "timestamp": moment.isoformat(), "data": data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))

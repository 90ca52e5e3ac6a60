"""Deliveries of webhooks, a kind of job (`segments.jobs.state_machine`), and how one is sent.

    waiting ─claim_work─► sending ─complete─► completed
       failed and cancelled from both

A try that fails leaves the delivery in `sending` with its lease over, until the next one is due.
Signed as Standard Webhooks 1.0 says: HMAC-SHA256 of `id.timestamp.body`, keyed by the webhook's
secret. What an address answers is not kept, only the status: whoever sets up a webhook must not
read by it what the web server can reach.
"""

import base64
import hashlib
import hmac
import logging
import secrets
from datetime import timedelta
from http import HTTPStatus
from time import monotonic, time
from typing import Any
from uuid import UUID

import httpx2
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from segments.embedding.credentials import decrypt
from segments.embedding.http import bounded_client, egress_policy
from segments.exceptions import ClaimLost, CredentialsUnreadable, DeliveryNotFound, EndpointRefused
from segments.jobs import leases
from segments.jobs.state_machine import JobClaim, StateMachine
from segments.models import Webhook, WebhookDelivery
from segments.models.job import JobStatus
from segments.models.webhook import DeliveryStatus

logger = logging.getLogger(__name__)

SECRET_START = "whsec_"  # noqa: S105  (what every secret begins with)
SECRET_BYTES = 32
ANSWER_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024
# Pauses before the second try, the third and so on: a day and a half in all.
PAUSES = (5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400)
MOST_TRIES = len(PAUSES) + 1
# An address that hangs costs a worker one answer's time in this long.
LONGEST_PAUSE_OF_WEBHOOK = 60
LONGEST_RETRY_AFTER = 3_600


class DeliveryMachine(StateMachine[WebhookDelivery]):
    """The moves of deliveries; the arrows are drawn above."""

    model = WebhookDelivery
    noun = "webhook delivery"
    task = "segments.tasks.deliver_webhook"
    leased = (DeliveryStatus.SENDING,)
    resumes = DeliveryStatus.SENDING
    not_found = DeliveryNotFound
    with_it = ("webhook",)

    def claim_work(self, job_id: UUID) -> JobClaim | None:
        """Claim a delivery that may be sent now; None if there is nothing to claim."""
        begins = Q(_may_be_sent(), status=JobStatus.WAITING)
        return self.claim(job_id, DeliveryStatus.SENDING, begins, "started_at")

    def claimable(self) -> QuerySet[Any]:
        """As for every job, where the webhook may be told of something now."""
        return super().claimable().filter(_may_be_sent())

    def abandoned(self, *phases: str) -> Q:
        """As for every job; one whose webhook is paused waits."""
        return super().abandoned(*phases) & _may_be_sent()


DELIVERIES = DeliveryMachine()


def _may_be_sent() -> Q:
    """Whether the webhook is on and not paused, and nobody is sending it something else.

    Two workers may still come to send at the same moment; nothing depends on it.
    """
    rested = Q(paused_until=None) | Q(paused_until__lte=Now())
    ready = Webhook.objects.filter(rested, pk=OuterRef("webhook_id"), enabled=True)
    others = WebhookDelivery.objects.filter(
        webhook_id=OuterRef("webhook_id"), status=DeliveryStatus.SENDING, lease_until__gt=Now()
    ).exclude(pk=OuterRef("pk"))
    return Q(Exists(ready)) & ~Q(Exists(others))


def new_secret() -> str:
    """A secret as Standard Webhooks writes it."""
    return SECRET_START + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(secret: str, event_id: UUID, moment: int, body: str) -> dict[str, str]:
    """The headers by which a receiver knows who sent `body` at `moment`, in seconds since 1970."""
    name = f"msg_{event_id.hex}"
    key = base64.b64decode(secret.removeprefix(SECRET_START))
    digest = hmac.digest(key, f"{name}.{moment}.{body}".encode(), hashlib.sha256)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(moment),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        "content-type": "application/json",
        "user-agent": "Segmill",
    }


def take_turn(delivery_id: UUID) -> None:
    """What a worker does for a message: send it, and what else waits for the same webhook."""
    deadline = monotonic() + leases.TURN_SECONDS
    following: UUID | None = delivery_id
    while following is not None and monotonic() < deadline:
        following = _next_after(send(following))
    if following is not None:
        DELIVERIES.enqueue(following)


def send(delivery_id: UUID) -> UUID | None:
    """Try once to send a delivery that is due; the id of its webhook, None if it was not sent.

    Any error that is neither the receiver's nor the delivery's own passes through, and puts it
    back to be tried again after a pause.
    """
    DELIVERIES.give_up_if_spent(delivery_id)
    claim = DELIVERIES.claim_work(delivery_id)
    if claim is None:
        return None
    try:
        with DELIVERIES.holding(claim):
            return _try(claim)
    except ClaimLost as lost:
        logger.info("given up: %s", lost)
    return None


def _next_after(webhook_id: UUID | None) -> UUID | None:
    if webhook_id is None:
        return None
    due = DELIVERIES.claimable().filter(webhook=webhook_id).order_by("created_at")
    found: UUID | None = due.values_list("pk", flat=True).first()
    return found


def _try(claim: JobClaim) -> UUID:
    delivery = DELIVERIES.load(claim.job_id)
    try:
        answer = _post(delivery)
    except EndpointRefused as refused:
        DELIVERIES.renew(claim, tries=F("tries") + 1, response_status=None)
        raise refused
    except httpx2.HTTPError as trouble:
        _try_later(claim, delivery, None, _described(trouble), 0)
    else:
        _take(claim, delivery, answer)
    return delivery.webhook_id


def _post(delivery: WebhookDelivery) -> httpx2.Response:
    headers = signed_headers(
        _secret_of(delivery.webhook), delivery.event_id, int(time()), delivery.body
    )
    policy = egress_policy(is_trusted=False)
    with bounded_client(policy, ANSWER_SECONDS, MAX_ANSWER_BYTES) as client:
        return client.post(delivery.webhook.url, content=delivery.body.encode(), headers=headers)


def _secret_of(webhook: Webhook) -> str:
    try:
        return decrypt(webhook.secret).reveal()
    except CredentialsUnreadable:
        raise CredentialsUnreadable(
            "The webhook's secret can no longer be read: SEGMILL_CREDENTIALS_KEY or the secret "
            "key has changed. Give the webhook a new secret."
        ) from None


def _take(claim: JobClaim, delivery: WebhookDelivery, answer: httpx2.Response) -> None:
    status = answer.status_code
    if answer.is_success:
        DELIVERIES.complete(claim, tries=delivery.tries + 1, response_status=status, last_error="")
        Webhook.objects.filter(pk=delivery.webhook_id).exclude(paused_until=None).update(
            paused_until=None
        )
    elif status == HTTPStatus.GONE:
        Webhook.objects.filter(pk=delivery.webhook_id).update(enabled=False)
        DELIVERIES.renew(claim, tries=delivery.tries + 1, response_status=status)
        gone = "The address answered 410 (gone), so the webhook was switched off."
        DELIVERIES.fail_held(claim, "webhook_gone", gone)
    else:
        what = f"The address answered {status}."
        _try_later(claim, delivery, status, what, _retry_after(answer))


def _try_later(
    claim: JobClaim, delivery: WebhookDelivery, status: int | None, what: str, asked: float
) -> None:
    """Leave it for its next try, or fail it after the last one; the webhook gets a pause."""
    tries = delivery.tries + 1
    told = {"tries": tries, "response_status": status, "last_error": what}
    if tries >= MOST_TRIES:
        DELIVERIES.renew(claim, **told)
        DELIVERIES.fail_held(claim, "webhook_failed", f"It was tried {tries} times. {what}")
        return
    seconds = max(PAUSES[tries - 1] * (0.8 + 0.4 * secrets.randbelow(100) / 100), asked)
    DELIVERIES.release(claim, seconds, **told)
    pause = timedelta(seconds=min(seconds, LONGEST_PAUSE_OF_WEBHOOK))
    Webhook.objects.filter(pk=delivery.webhook_id).update(paused_until=timezone.now() + pause)


def _retry_after(answer: httpx2.Response) -> float:
    """The pause in seconds that the address asks for, within reason; 0 if it asks for none."""
    asked = answer.headers.get("retry-after", "")
    return min(float(asked), LONGEST_RETRY_AFTER) if asked.isdecimal() else 0.0


def _described(trouble: httpx2.HTTPError) -> str:
    """What went wrong, in words that tell nothing of the network inside."""
    if isinstance(trouble, httpx2.TimeoutException):
        return f"The address gave no answer within {ANSWER_SECONDS:.0f} seconds."
    return "The address could not be reached, or gave no proper answer."

"""Webhooks of a tenant: set up, changed, removed; their deliveries, and sending one again."""

from collections.abc import Iterable
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from datasets.models import Tenant
from segments.embedding.credentials import encrypt
from segments.embedding.http import egress_policy
from segments.exceptions import EndpointRefused, OptionRefused, StateConflict
from segments.models import Webhook, WebhookDelivery
from segments.models.webhook import WebhookEvent
from segments.webhooks.deliveries import DELIVERIES, new_secret
from segments.webhooks.events import deliver

# Of one tenant: each event is written once for each of them.
MOST_WEBHOOKS = 20
PORTS = {"http": 80, "https": 443}


def create_webhook(
    tenant: Tenant, url: str, events: Iterable[str], user: User | None = None
) -> tuple[Webhook, str]:
    """A new webhook, and its secret, which its receiver needs and which is not shown again.

    Raises:
        OptionRefused: the address or an event cannot be used; it says why.
        StateConflict: the tenant has as many webhooks as it may.
    """
    if Webhook.objects.filter(tenant=tenant).count() >= MOST_WEBHOOKS:
        raise StateConflict(f"A tenant may have {MOST_WEBHOOKS} webhooks. Remove one.")
    webhook = Webhook(tenant=tenant, url=url, events=known_events(events), created_by=user)
    refuse_url(url)
    secret = give_secret(webhook)
    webhook.save(force_insert=True)
    return webhook, secret


@transaction.atomic
def change_webhook(
    webhook: Webhook,
    *,
    url: str | None = None,
    events: Iterable[str] | None = None,
    enabled: bool | None = None,
) -> Webhook:
    """Change what is given; what waits for a webhook that is switched off is cancelled.

    Raises:
        OptionRefused: as `create_webhook`.
    """
    if url is not None:
        refuse_url(url)
        webhook.url, webhook.paused_until = url, None
    if events is not None:
        webhook.events = known_events(events)
    if enabled is not None:
        webhook.enabled = enabled
        webhook.paused_until = None
    webhook.save()
    if not webhook.enabled:
        cancel_open(webhook)
    return webhook


def cancel_open(webhook: Webhook) -> None:
    """Cancel what still waits to be sent to a webhook that was switched off."""
    for delivery in webhook.deliveries.open().values_list("pk", flat=True):
        try:
            DELIVERIES.cancel(delivery, "The webhook was switched off.")
        except StateConflict:  # it has ended, or is being sent at this moment
            continue


def give_secret(webhook: Webhook) -> str:
    """Draw a secret for a webhook, which the caller saves; receivers need the text."""
    secret = new_secret()
    webhook.secret = encrypt(secret)
    return secret


def renew_secret(webhook: Webhook) -> str:
    """Another secret for a webhook: what is sent from now on is signed with it."""
    secret = give_secret(webhook)
    webhook.save(update_fields=["secret"])
    return secret


def deliveries_of(webhook: Webhook) -> QuerySet[WebhookDelivery]:
    """What the webhook was told or is to be told, the newest first."""
    return WebhookDelivery.objects.filter(webhook=webhook).order_by("-created_at", "id")


@transaction.atomic
def redeliver(ended: WebhookDelivery) -> WebhookDelivery:
    """Send the same event again, with the same id; the new delivery.

    Raises:
        StateConflict: it has not ended, or its webhook is switched off.
    """
    if not ended.is_final:
        raise StateConflict("The delivery is still being tried. Wait until it has ended.")
    if not ended.webhook.enabled:
        raise StateConflict("The webhook is switched off. Switch it on first.")
    Webhook.objects.filter(pk=ended.webhook_id).update(paused_until=None)
    return deliver(
        WebhookDelivery(
            tenant_id=ended.tenant_id,
            webhook_id=ended.webhook_id,
            event=ended.event,
            event_id=ended.event_id,
            body=ended.body,
        )
    )


def known_events(events: Iterable[str]) -> list[str]:
    """The events, each once.

    Raises:
        OptionRefused: one is unknown, or there is none.
    """
    wanted = list(dict.fromkeys(events))
    unknown = [event for event in wanted if event not in WebhookEvent.values]
    if unknown or not wanted:
        wrong = f"“{unknown[0]}” is no event." if unknown else "there is none."
        raise OptionRefused("events", wrong, f"Use: {', '.join(WebhookEvent.values)}.")
    return wanted


def refuse_url(url: str) -> None:
    """Check an address as model endpoints are checked: it is resolved, but not asked.

    Raises:
        OptionRefused: it is not an http or https URL, has a password in it, or leads to an
            address that requests may not reach.
    """
    try:
        Webhook._meta.get_field("url").run_validators(url)
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme.lower()]
    except (ValidationError, ValueError, KeyError):
        raise OptionRefused(
            "url", "this is no http:// or https:// address.", "Correct it."
        ) from None
    if parts.username is not None or parts.password is not None:
        raise OptionRefused("url", "it has a user name in it.", "Leave it out.")
    try:
        egress_policy(is_trusted=False).addresses(parts.hostname or "", port)
    except EndpointRefused as refused:
        raise OptionRefused("url", str(refused), "") from refused
    except OSError:  # nobody can say now: it is checked again when something is sent
        return


def deliveries_in(tenant: Tenant, webhook_id: UUID) -> QuerySet[WebhookDelivery]:
    """Deliveries of a tenant's webhook."""
    return WebhookDelivery.objects.select_related("webhook").filter(
        tenant=tenant, webhook=webhook_id
    )

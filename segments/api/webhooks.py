"""/v1/webhooks: addresses that are told of what happens, and what they were told."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from segments.api.pagination import Page, PageQuery, each, page_of
from segments.api.serializers.fields import Text, Truth, UnixTime, UserId
from segments.api.views import ApiView, checked
from segments.exceptions import DeliveryNotFound, WebhookNotFound
from segments.models import Webhook, WebhookDelivery
from segments.models.webhook import URL_CHARS, DeliveryStatus, WebhookEvent
from segments.services import webhooks as services


@extend_schema_field({"type": "string", "pattern": "^https?://", "maxLength": URL_CHARS})
class _Address(Text):
    """An address of the web; the service checks it."""


class WebhookSerializer(serializers.Serializer[Webhook]):
    """A webhook; its secret is shown once, when it is drawn."""

    id = serializers.UUIDField(read_only=True)
    url = serializers.CharField(read_only=True)
    events = serializers.ListField(
        child=serializers.ChoiceField(WebhookEvent.choices), read_only=True
    )
    enabled = serializers.BooleanField(read_only=True)
    created_by = UserId(source="created_by_id")
    created_at = UnixTime()


class NewWebhookAnswerSerializer(WebhookSerializer):
    """A webhook with a secret that was just drawn."""

    secret = serializers.CharField(
        help_text="Verifies signatures, as Standard Webhooks says. It is not shown again."
    )


class NewWebhookSerializer(serializers.Serializer[None]):
    """Who is to be told of what."""

    url = _Address(max_length=URL_CHARS, help_text="An http:// or https:// address.")
    events = serializers.ListField(
        child=serializers.ChoiceField(WebhookEvent.choices), allow_empty=False
    )


class WebhookChangesSerializer(serializers.Serializer[None]):
    """What shall be different; what is left out, or null, stays as it is."""

    url = _Address(max_length=URL_CHARS, required=False, allow_null=True, default=None)
    events = serializers.ListField(
        child=serializers.ChoiceField(WebhookEvent.choices),
        required=False,
        allow_null=True,
        allow_empty=False,
        default=None,
    )
    enabled = Truth(
        required=False,
        allow_null=True,
        default=None,
        help_text="What waits for a webhook that is switched off is cancelled.",
    )


class DeliverySerializer(serializers.Serializer[WebhookDelivery]):
    """One event for one webhook, and what became of it."""

    id = serializers.UUIDField(read_only=True)
    event = serializers.ChoiceField(WebhookEvent.choices, read_only=True)
    event_id = serializers.UUIDField(
        read_only=True, help_text="In the header webhook-id; the same if it is sent again."
    )
    status = serializers.ChoiceField(DeliveryStatus.choices, read_only=True)
    tries = serializers.IntegerField(read_only=True)
    response_status = serializers.IntegerField(read_only=True, allow_null=True)
    error = serializers.SerializerMethodField()
    next_try_at = serializers.SerializerMethodField()
    created_at = UnixTime()
    finished_at = UnixTime(allow_null=True)
    body = serializers.CharField(read_only=True, help_text="What is sent, as JSON.")

    def get_error(self, delivery: WebhookDelivery) -> str:
        """Why it has failed, or why the last try has."""
        return delivery.error or delivery.last_error

    def get_next_try_at(self, delivery: WebhookDelivery) -> int | None:
        """When it is tried again, in seconds since 1970; null if nothing is waited for."""
        due = None if delivery.is_final else delivery.not_before
        return None if due is None else int(due.timestamp())


class _WebhooksView(ApiView):
    """Webhooks concern the whole tenant, and are read only by keys that may write."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """As every view; a key for one dataset is refused."""
        super().initial(request, *args, **kwargs)
        self.refuse_one_dataset()

    def webhook(self, webhook_id: UUID) -> Webhook:
        """The tenant's webhook.

        Raises:
            WebhookNotFound: it has none of that id.
        """
        found = Webhook.objects.filter(tenant=self.tenant, pk=webhook_id).first()
        if found is None:
            raise WebhookNotFound(str(webhook_id))
        return found


class WebhooksView(_WebhooksView):
    """The webhooks of the tenant."""

    @extend_schema(
        operation_id="list_webhooks",
        parameters=[PageQuery],
        responses=page_of(WebhookSerializer, "WebhookPage"),
    )
    def get(self, request: Request) -> Response:
        """A page of webhooks, the newest first."""
        found = Webhook.objects.filter(tenant=self.tenant).order_by("-created_at", "id")
        return Response(Page.of(request).cut(found, each(WebhookSerializer)))

    @extend_schema(
        operation_id="create_webhook",
        request=NewWebhookSerializer,
        responses={status.HTTP_201_CREATED: NewWebhookAnswerSerializer},
    )
    def post(self, request: Request) -> Response:
        """A new webhook. The answer has its secret, which is not shown again."""
        wanted = checked(NewWebhookSerializer, request)
        made = services.create_webhook(self.tenant, wanted["url"], wanted["events"], self.user)
        return Response(_with_secret(*made), status=status.HTTP_201_CREATED)


class WebhookView(_WebhooksView):
    """One webhook."""

    @extend_schema(operation_id="get_webhook", responses=WebhookSerializer)
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """The webhook."""
        return Response(WebhookSerializer(self.webhook(webhook_id)).data)

    @extend_schema(
        operation_id="update_webhook",
        request=WebhookChangesSerializer,
        responses=WebhookSerializer,
    )
    def patch(self, request: Request, webhook_id: UUID) -> Response:
        """Change it."""
        webhook = self.webhook(webhook_id)
        changed = services.change_webhook(webhook, **checked(WebhookChangesSerializer, request))
        return Response(WebhookSerializer(changed).data)

    @extend_schema(operation_id="delete_webhook", responses={status.HTTP_204_NO_CONTENT: None})
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        """Remove it with the log of its deliveries; what waits is not sent."""
        self.webhook(webhook_id).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class SecretView(_WebhooksView):
    """The secret of a webhook."""

    @extend_schema(
        operation_id="renew_webhook_secret", request=None, responses=NewWebhookAnswerSerializer
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """Another secret: what is sent from now on is signed with it."""
        webhook = self.webhook(webhook_id)
        return Response(_with_secret(webhook, services.renew_secret(webhook)))


class DeliveriesView(_WebhooksView):
    """The log of a webhook."""

    @extend_schema(
        operation_id="list_deliveries",
        parameters=[PageQuery],
        responses=page_of(DeliverySerializer, "DeliveryPage"),
    )
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """A page of what it was told or is to be told, the newest first."""
        found = services.deliveries_of(self.webhook(webhook_id))
        return Response(Page.of(request).cut(found, each(DeliverySerializer)))


class RedeliverView(_WebhooksView):
    """Sends an event again."""

    @extend_schema(operation_id="redeliver", request=None, responses=DeliverySerializer)
    def post(self, request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
        """Send the same event again, with the same id; the response is the new delivery.

        409 if it has not ended.
        """
        sent = services.deliveries_in(self.tenant, webhook_id).filter(pk=delivery_id).first()
        if sent is None:
            raise DeliveryNotFound(str(delivery_id))
        return Response(DeliverySerializer(services.redeliver(sent)).data)


def _with_secret(webhook: Webhook, secret: str) -> dict[str, Any]:
    return {**WebhookSerializer(webhook).data, "secret": secret}

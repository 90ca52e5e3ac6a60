"""Webhooks in the admin: set up by owners, the secret shown once; the log of deliveries."""

import json
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html

from datasets.tenant_admin import OwnedAdmin
from segments.exceptions import OptionRefused, StateConflict
from segments.models import Webhook, WebhookDelivery
from segments.models.webhook import WebhookEvent
from segments.services.webhooks import (
    cancel_open,
    give_secret,
    redeliver,
    refuse_url,
    renew_secret,
)

SECRET = "_segmill_webhook_secret"  # noqa: S105  (where a request keeps it)


class WebhookForm(forms.ModelForm[Webhook]):
    """Who is told of what."""

    events = forms.MultipleChoiceField(
        choices=WebhookEvent.choices, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Webhook
        fields = ("tenant", "url", "events", "enabled")
        help_texts: ClassVar = {"url": "An http:// or https:// address that answers POST."}

    def clean_url(self) -> str:
        """Refuse an address that nothing may be sent to."""
        url: str = self.cleaned_data["url"]
        try:
            refuse_url(url)
        except OptionRefused as refused:
            raise forms.ValidationError(str(refused).removeprefix("url: ")) from refused
        return url


@admin.register(Webhook)
class WebhookAdmin(OwnedAdmin[Webhook]):
    """A webhook tells somebody outside what happens in a tenant, so owners alone set them up."""

    form = WebhookForm
    list_display = ("url", "tenant", "told_of", "enabled", "created_at", "log")
    list_filter = (("tenant", admin.RelatedOnlyFieldListFilter), "enabled")
    list_select_related = ("tenant",)
    search_fields = ("url",)
    actions = ("draw_secret",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The tenant stays."""
        return () if obj is None else ("tenant", "log")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What makes one, and its log once it is there."""
        fields = ("tenant", "url", "events", "enabled")
        return fields if obj is None else (*fields, "log")

    def save_model(
        self, request: HttpRequest, obj: Webhook, form: forms.ModelForm[Webhook], change: bool
    ) -> None:
        """Keep it; a new one gets its secret, which goes no further than the answer."""
        if not change:
            obj.created_by_id = request.user.pk
            setattr(request, SECRET, give_secret(obj))
        obj.paused_until = None
        super().save_model(request, obj, form, change)
        if not obj.enabled:
            cancel_open(obj)

    def response_add(
        self, request: HttpRequest, obj: Webhook, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The secret, this once."""
        return self._secret_page(request, obj, getattr(request, SECRET))

    @admin.action(description="Draw another secret", permissions=["change"])
    def draw_secret(self, request: HttpRequest, webhooks: QuerySet[Webhook]) -> Any:
        """Draw another secret of the one webhook that is selected, and show it."""
        if len(webhooks) != 1:
            self.message_user(request, "Select one webhook.", messages.ERROR)
            return None
        return self._secret_page(request, webhooks[0], renew_secret(webhooks[0]))

    def _secret_page(self, request: HttpRequest, webhook: Webhook, secret: str) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": "The secret of a webhook",
            "webhook": webhook,
            "text": secret,
        }
        answer = TemplateResponse(request, "admin/segments/webhook_secret.html", context)
        add_never_cache_headers(answer)
        return answer

    @admin.display(description="told of")
    def told_of(self, webhook: Webhook) -> str:
        """Its events."""
        return ", ".join(webhook.events)

    @admin.display(description="deliveries")
    def log(self, webhook: Webhook) -> str:
        """A link to what it was told."""
        listed = reverse("admin:segments_webhookdelivery_changelist")
        return format_html(
            '<a href="{}?webhook__id__exact={}">Show deliveries</a>', listed, webhook.pk
        )


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(OwnedAdmin[WebhookDelivery]):
    """The log: what webhooks were told, what came of it, and what is sent again."""

    fields = (
        "webhook",
        "event",
        "event_id",
        "status",
        "tries",
        "response_status",
        "what_went_wrong",
        "not_before",
        "created_at",
        "finished_at",
        "payload",
    )
    list_display = (
        "created_at",
        "webhook",
        "event",
        "status",
        "tries",
        "response_status",
        "what_went_wrong",
    )
    list_filter = ("status", "event", ("webhook", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("webhook",)
    ordering = ("-created_at",)
    actions = ("send_again",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: events happen."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: it is a log."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: it is removed by age, and with its webhook."""
        return False

    @admin.action(description="Send selected events again", permissions=["view"])
    def send_again(self, request: HttpRequest, deliveries: QuerySet[WebhookDelivery]) -> None:
        """Send each that has ended once more, as a new delivery."""
        sent = 0
        for delivery in deliveries.select_related("webhook"):
            try:
                redeliver(delivery)
            except StateConflict as conflict:
                self.message_user(request, str(conflict), messages.WARNING)
            else:
                sent += 1
        events = "event is" if sent == 1 else "events are"
        self.message_user(request, f"{sent} {events} sent again.", messages.SUCCESS)

    @admin.display(description="error")
    def what_went_wrong(self, delivery: WebhookDelivery) -> str:
        """Why it has failed, or why the last try has."""
        return delivery.error or delivery.last_error

    @admin.display(description="body")
    def payload(self, delivery: WebhookDelivery) -> str:
        """What is sent, spread over lines."""
        spread = json.dumps(json.loads(delivery.body), indent=2, ensure_ascii=False)
        return format_html("<pre>{}</pre>", spread)

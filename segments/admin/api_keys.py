"""API keys in the admin: made and revoked by owners, the text shown once."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers

from datasets.tenant_admin import OwnedAdmin, access_of
from segments.models import ApiKey
from segments.services.api_keys import revoke_api_key, set_new_text

KEY_TEXT = "_segmill_key_text"


class ApiKeyForm(ModelForm[ApiKey]):
    """A new key."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "expires_at" in self.fields:
            parts = getattr(self.fields["expires_at"].widget, "widgets", ())
            for part, name in zip(parts, ("Expires on", "Expires at"), strict=False):
                part.attrs["aria-label"] = name

    def clean(self) -> dict[str, Any]:
        """Refuse a dataset of another tenant, and a key that is too old before it is made."""
        cleaned = super().clean() or {}
        dataset, expires_at = cleaned.get("dataset"), cleaned.get("expires_at")
        if dataset is not None and dataset.tenant_id != getattr(cleaned.get("tenant"), "pk", None):
            self.add_error("dataset", "This dataset belongs to another tenant. Choose one of its.")
        if expires_at is not None and expires_at <= timezone.now():
            self.add_error("expires_at", "This moment is in the past. Choose a later one.")
        return cleaned


@admin.register(ApiKey)
class ApiKeyAdmin(OwnedAdmin[ApiKey]):
    """A key may do in its tenant nearly what an owner may, so owners alone see and make them."""

    form = ApiKeyForm
    fields = ("tenant", "name", "scope", "dataset", "expires_at", "is_tenants_own")
    readonly_fields = ("prefix", "created_by", "created_at", "last_used_at", "revoked_at")
    list_display = (
        "name",
        "tenant",
        "key_prefix",
        "scope",
        "dataset",
        "created_by",
        "created_at",
        "last_used_at",
        "expires_at",
        "is_active",
    )
    list_filter = (("tenant", admin.RelatedOnlyFieldListFilter), "created_at")
    list_select_related = ("tenant", "created_by", "dataset")
    search_fields = ("name", "prefix")
    ordering = ("-created_at",)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What makes one; all that is known of one that is there."""
        return self.fields if obj is None else (*self.fields, *self.readonly_fields)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Those of the tenants the user owns, and whether they may still be used."""
        usable = ApiKey.objects.usable().filter(pk=OuterRef("pk"))
        return super().get_queryset(request).annotate(is_usable=Exists(usable))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: a key is revoked, and another one made."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: who had a key stays known."""
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Owners; of their own tenants' keys, as the list holds no others."""
        return access_of(request).owns_anything

    def save_model(
        self, request: HttpRequest, obj: ApiKey, form: ModelForm[ApiKey], change: bool
    ) -> None:
        """A new key; its text goes no further than the answer."""
        obj.created_by_id = request.user.pk
        setattr(request, KEY_TEXT, set_new_text(obj))
        obj.save(force_insert=True)

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The key, this once: it is in no message, no session and no cache."""
        context = self.admin_site.each_context(request) | {
            "title": f"The key “{obj.name}”",
            "key": obj,
            "text": getattr(request, KEY_TEXT),
        }
        answer = TemplateResponse(request, "admin/segments/api_key_made.html", context)
        add_never_cache_headers(answer)
        return answer

    @admin.action(description="Revoke selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        """Revoke them for good."""
        active = list(keys.active())  # type: ignore[attr-defined]
        for key in active:
            revoke_api_key(key)
        keys_are = "key is" if len(active) == 1 else "keys are"
        self.message_user(request, f"{len(active)} {keys_are} revoked.", messages.SUCCESS)

    @admin.display(description="key", ordering="prefix")
    def key_prefix(self, key: ApiKey) -> str:
        """Its beginning, which is all that is kept."""
        return f"{key.prefix}…"

    @admin.display(boolean=True, description="active", ordering="revoked_at")
    def is_active(self, key: Any) -> bool:
        """Whether requests with it are accepted."""
        return bool(key.is_usable)

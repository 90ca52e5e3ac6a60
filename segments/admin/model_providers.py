"""A tenant's own providers of embedding models in the admin; keys go in and never come out."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from datasets.exceptions import SegmillError
from datasets.models import Tenant
from datasets.tenant_admin import TenantScopedAdmin, access_of
from segments.models import ModelProvider, ProviderModel
from segments.services.model_providers import (
    model_settings,
    provider_kinds,
    set_api_key,
    try_provider_model,
)


class ModelProviderForm(forms.ModelForm[ModelProvider]):
    """An endpoint; its key is asked for, stored encrypted, and never shown again."""

    kind = forms.ChoiceField(choices=[(name, name) for name in provider_kinds()], initial="openai")
    api_key = forms.CharField(
        label="API key",
        required=False,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "size": 60}),
        help_text="It is never shown again. Leave empty to keep the current key.",
    )
    forget_api_key = forms.BooleanField(label="Remove the API key", required=False)

    class Meta:
        model = ModelProvider
        fields: ClassVar = ["tenant", "name", "kind", "base_url", "api_key", "forget_api_key"]

    def clean_name(self) -> str:
        """A name that is not one of the installation's own providers.

        Raises:
            ValidationError: it is.
        """
        name: str = self.cleaned_data["name"]
        if name in provider_kinds():
            raise forms.ValidationError(f"“{name}” is a built-in provider. Choose another name.")
        return name

    def clean(self) -> dict[str, Any] | None:
        """A key is for one address: at another one it has to be entered again.

        Raises:
            ValidationError: the address has changed and the key was not entered.
        """
        given = super().clean() or self.cleaned_data
        is_new_address = "base_url" in self.changed_data and self.instance.credentials
        if is_new_address and not (given.get("api_key") or given.get("forget_api_key")):
            raise forms.ValidationError(
                "The current API key is for another URL. Enter the key for this URL."
            )
        return given

    def save(self, commit: bool = True) -> ModelProvider:
        """With the key, if one was given."""
        if self.cleaned_data["forget_api_key"]:
            set_api_key(self.instance, "")
        if key := self.cleaned_data["api_key"]:
            set_api_key(self.instance, key)
        return super().save(commit)


class ProviderModelForm(forms.ModelForm[ProviderModel]):
    """A model; the blank at the end of a prefix belongs to it."""

    class Meta:
        model = ProviderModel
        fields: ClassVar = ["name", *model_settings()]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("passage_prefix", "query_prefix"):
            self.fields[name].strip = False  # type: ignore[attr-defined]


class ProviderModelInline(admin.StackedInline[ProviderModel, ModelProvider]):
    """The models of a provider, for the owners of its tenant."""

    model = ProviderModel
    form = ProviderModelForm
    extra = 0
    fieldsets = (
        (None, {"fields": ("name", ("dimensions", "request_dimensions"), "token_limit")}),
        (
            "How it receives texts",
            {
                "fields": (
                    ("passage_prefix", "query_prefix"),
                    ("passage_input_type", "query_input_type"),
                    "normalise",
                )
            },
        ),
        (
            "Price and limits for all workers together; 0 means none",
            {
                "fields": (
                    "price_per_million",
                    ("requests_per_minute", "tokens_per_minute"),
                    ("calls", "batch_texts"),
                )
            },
        ),
    )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who sees the provider's page."""
        return True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners of the tenant."""
        return obj is None or access_of(request).may_own(obj.tenant_id)

    has_add_permission = has_change_permission
    has_delete_permission = has_change_permission


@admin.register(ModelProvider)
class ModelProviderAdmin(TenantScopedAdmin[ModelProvider]):
    """Only owners of a tenant (and superusers) see and change how its models are reached."""

    form = ModelProviderForm
    change_form_template = "admin/segments/model_provider_change_form.html"
    inlines = (ProviderModelInline,)
    list_display = ("name", "tenant", "kind", "base_url", "model_names", "has_key")
    list_select_related = ("tenant",)
    search_fields = ("name", "base_url")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Of the tenants that the user owns."""
        providers = super().get_queryset(request).prefetch_related("models")
        return access_of(request).owned(providers)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Owners of any tenant."""
        return access_of(request).owns_anything

    def has_view_permission(self, request: HttpRequest, obj: ModelProvider | None = None) -> bool:
        """Owners."""
        access = access_of(request)
        return access.owns_anything if obj is None else access.may_own(obj.tenant_id)

    def has_change_permission(self, request: HttpRequest, obj: ModelProvider | None = None) -> bool:
        """Owners."""
        return self.has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Owners."""
        return access_of(request).owns_anything

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A provider stays with its tenant."""
        return ("tenant",) if obj else ()

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        """The tenants that the user owns."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and db_field.name == "tenant":
            field.queryset = access_of(request).owned(Tenant.objects.all(), "pk")
        return field

    def get_urls(self) -> list[URLPattern]:
        """With the trial of the models."""
        view = self.admin_site.admin_view(test_models)
        name = "segments_modelprovider_test"
        return [path("<uuid:provider_id>/test/", view, name=name), *super().get_urls()]

    @admin.display(description="models")
    def model_names(self, provider: ModelProvider) -> str:
        """The names of its models."""
        return ", ".join(model.name for model in provider.models.all()) or "–"

    @admin.display(boolean=True, description="key")
    def has_key(self, provider: ModelProvider) -> bool:
        """Whether there is a key; the key itself is never shown."""
        return bool(provider.credentials)


@require_POST
def test_models(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    """Embed one text with each model of a provider, and say what came of it."""
    access = access_of(request)
    if not access.owns_anything:
        raise PermissionDenied
    provider = get_object_or_404(access.owned(ModelProvider.objects.all()), pk=provider_id)
    models = list(provider.models.select_related("provider"))
    if not models:
        messages.warning(
            request, "This provider has no model to test. Add one, save, and test again."
        )
    for model in models:
        _test(request, model)
    url = reverse("admin:segments_modelprovider_change", args=[provider.pk])
    return HttpResponseRedirect(url)


def _test(request: HttpRequest, model: ProviderModel) -> None:
    try:
        trial = try_provider_model(model)
    except SegmillError as trouble:
        messages.error(request, f"“{model.name}”: {trouble}")
        return
    # In quotes: the page writes the first letter of a message large.
    found = f"{trial.dimensions} dimensions, {trial.seconds * 1000:,.0f} ms"
    result = f"“{model.name}” works: {found}"
    if model.dimensions and model.dimensions != trial.dimensions:
        wrong = f"{result}, but {model.dimensions} dimensions are configured. Correct the number."
        messages.error(request, wrong)
    else:
        messages.success(request, f"{result}.")

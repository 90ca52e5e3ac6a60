"""What all histories in the admin have in common: they are read, and each line has its own page."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path

from datasets.lookup import as_uuid
from datasets.tenant_admin import TenantScopedAdmin

M = TypeVar("M", bound=Model)

Page = tuple[str, Callable[..., HttpResponseBase], str]
"""A page of a history: its route, its view, and the end of its name."""


class HistoryAdmin(TenantScopedAdmin[M]):
    """A history changes by what is done with its things on their pages, never by a form."""

    pages: ClassVar[tuple[Page, ...]]
    page: ClassVar[Callable[[HttpRequest, UUID], HttpResponse]]
    list_per_page = 50

    class Media:
        css = {"all": ("segments/imports.css",)}  # noqa: RUF012

    def get_urls(self) -> list[URLPattern]:
        """Its own pages, before those that every admin has."""
        model = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path(route, self.admin_site.admin_view(view), name=f"{model}_{name}")
            for route, view, name in self.pages
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The thing's own page: there is nothing to fill in."""
        key = as_uuid(object_id)
        if key is None:
            raise Http404
        return type(self).page(request, key)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: it begins elsewhere."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: history is read."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: history stays as long as what it is of."""
        return False

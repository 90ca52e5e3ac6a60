"""TenantScopedAdmin: admin pages that show users nothing but their own tenants."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.contrib import admin
from django.db.models import Field, ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import Http404, HttpRequest

from datasets.access import Access, Actor, acting

M = TypeVar("M", bound=Model)


def access_of(request: HttpRequest) -> Access:
    """The access of the request's user, read once per request."""
    access: Access | None = getattr(request, "_segmill_access", None)
    if access is None:
        access = Access.of(request.user)
        setattr(request, "_segmill_access", access)  # noqa: B010  (no such field is declared)
    return access


class TenantScopedAdmin(admin.ModelAdmin[M]):
    """Superusers see everything; other staff what their memberships allow.

    Django's own permissions are ignored. What belongs to another tenant does not exist: lists
    leave it out, its pages answer 404, and choices do not offer it.
    """

    tenant_path: ClassVar[str] = "tenant"
    """Leads from an object to its tenant in a query."""

    def tenant_of(self, obj: M) -> UUID:
        """The tenant of `obj`."""
        tenant: UUID = obj.tenant_id  # type: ignore[attr-defined]
        return tenant

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        """What the user may see."""
        return access_of(request).visible(super().get_queryset(request), self.tenant_path)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> M | None:
        """The object, for all single-object pages.

        Raises:
            Http404: it does not exist, or the user may not see it.
        """
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404(f"There is no {self.opts.verbose_name} {object_id}.")
        return found

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The form; what it changes, the user has changed."""
        with acting(Actor.of(request.user, "admin")):
            return super().changeform_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The question whether to delete, and its answer."""
        with acting(Actor.of(request.user, "admin")):
            return super().delete_view(request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The list, and what is done to a selection."""
        with acting(Actor.of(request.user, "admin")):
            return super().changelist_view(request, *args, **kwargs)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the index shows these pages."""
        return access_of(request).sees_anything

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """All staff may open a list: an outsider's is empty."""
        return obj is None or access_of(request).may_see(self.tenant_of(obj))

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Owners and editors."""
        access = access_of(request)
        return access.edits_anything if obj is None else access.may_edit(self.tenant_of(obj))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Owners and editors."""
        return access_of(request).edits_anything

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Owners and editors."""
        return self.has_change_permission(request, obj)

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        """Choices within the tenants that the user may edit."""
        path = _path_to_tenant(db_field)
        if path:
            everything = db_field.remote_field.model._default_manager.all()
            choices = access_of(request).editable(everything, path)
            kwargs["queryset"] = choices
            if path == "pk" and len(tenants := list(choices[:2])) == 1:
                kwargs.setdefault("initial", tenants[0].pk)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_deleted_objects(
        self, objs: QuerySet[M] | Sequence[M], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """What is deleted with `objs`, counted instead of listed: it may be millions of rows.

        Returns the same as Django's: texts, counts by kind, missing permissions, protected.
        """
        access, name = access_of(request), str(self.opts.verbose_name)
        lacking = {name for obj in objs if not access.may_edit(self.tenant_of(obj))}
        texts = [self.deletion_text(obj) for obj in objs]
        return texts, {str(self.opts.verbose_name_plural): len(texts)}, lacking, []

    def deletion_text(self, obj: M) -> str:
        """How the deletion page describes `obj`."""
        return str(obj)


class OwnedAdmin(TenantScopedAdmin[M]):
    """Admin pages of what only owners of a tenant see and make: keys, and who is told of what."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        """Those of the tenants the user owns."""
        return access_of(request).owned(super().get_queryset(request))

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Owners."""
        return access_of(request).owns_anything

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Owners."""
        access = access_of(request)
        return access.owns_anything if obj is None else access.may_own(self.tenant_of(obj))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Owners."""
        return access_of(request).owns_anything

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Owners."""
        return self.has_view_permission(request, obj)

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        """Choices within the tenants that the user owns."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        path = _path_to_tenant(db_field)
        if field is not None and path:
            everything = db_field.remote_field.model._default_manager.all()
            field.queryset = access_of(request).owned(everything, path)
        return field


def _path_to_tenant(field: "Field[Any, Any]") -> str:
    """The lookup from what `field` points to to its tenant; empty if it belongs to none."""
    related = field.related_model
    if not isinstance(related, type):
        return ""
    if related._meta.label_lower == "datasets.tenant":
        return "pk"
    return "tenant" if any(f.name == "tenant" for f in related._meta.get_fields()) else ""

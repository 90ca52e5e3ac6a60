"""The audit log in the admin: read by owners for their tenants, and by superusers."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from datasets.tenant_admin import TenantScopedAdmin, access_of
from segments.models.audit import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(TenantScopedAdmin[AuditEntry]):
    """Who did what to which dataset, key, member or model; the database refuses to change it."""

    tenant_path = "tenant_id"
    list_display = ("at", "actor", "action", "kind", "name", "tenant", "what_changed", "via")
    list_display_links = None
    list_filter = ("action", "kind", "at")
    search_fields = ("actor", "name", "object_id")
    date_hierarchy = "at"
    list_per_page = 50

    def tenant_of(self, obj: AuditEntry) -> Any:
        """That of what was changed, even if it is gone."""
        return obj.tenant_id

    def get_queryset(self, request: HttpRequest) -> Any:
        """Those of the tenants that the user owns."""
        entries = AuditEntry.objects.all()
        return access_of(request).owned(entries, self.tenant_path)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Owners."""
        return access_of(request).owns_anything

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners."""
        access = access_of(request)
        return access.owns_anything if obj is None else access.may_own(obj.tenant_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    @admin.display(description="from → to")
    def what_changed(self, entry: AuditEntry) -> SafeString:
        """Each field with its old and its new value."""
        rows = (
            (name.removesuffix("_id").replace("_", " "), _shown(old), _shown(new))
            for name, (old, new) in entry.changes.items()
        )
        return format_html_join("; ", "{}: {} → {}", rows)


def _shown(value: Any) -> str:
    return "–" if value in (None, "", {}) else str(value)

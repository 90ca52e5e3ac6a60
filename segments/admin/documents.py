"""Documents in the admin, with the way to their segments and imports."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from datasets.admin import DocumentAdmin
from datasets.models import Document
from datasets.tenant_admin import access_of


@admin.register(Document)
class ImportingDocumentAdmin(DocumentAdmin):
    """A document's page leads to its segments, to the history of its imports, and to a new one."""

    change_form_template = "admin/segments/document_change_form.html"
    actions = ("import_file",)

    @admin.action(description="Import a file into the selected document", permissions=["change"])
    def import_file(
        self, request: HttpRequest, queryset: QuerySet[Document]
    ) -> HttpResponse | None:
        """Go to the page of a new import; a file goes into one document."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(
                request, "A file goes into one document: select just one.", messages.ERROR
            )
            return None
        if not access_of(request).may_edit(chosen[0].tenant_id):
            text = f"You may look at “{chosen[0]}”, but not import into it."
            self.message_user(request, text, messages.ERROR)
            return None
        url = reverse("admin:segments_importjob_new", args=[chosen[0].pk])
        return HttpResponseRedirect(url)

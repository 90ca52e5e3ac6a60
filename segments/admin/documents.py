"""Documents in the admin, with the way to their segments and imports."""

from django.contrib import admin

from datasets.admin import DocumentAdmin
from datasets.models import Document


@admin.register(Document)
class ImportingDocumentAdmin(DocumentAdmin):
    """A document's page leads to its segments and to the history of its imports."""

    change_form_template = "admin/segments/document_change_form.html"

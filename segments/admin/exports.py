"""Files from the admin: a document's segments, and templates to fill in."""

from collections.abc import Callable, Iterator
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from datasets.models import DocForm, Document
from segments.admin.permissions import visible_or_404
from segments.exceptions import ExportRefused
from segments.files.types import FileFormat
from segments.services import exports, people_exports
from segments.uploads import download


@require_http_methods(["GET", "HEAD"])
def export_file(request: HttpRequest, document_id: UUID, kind: str) -> HttpResponseBase:
    """The segments of a document the user may see.

    Raises:
        Http404: the user may not see it, or there is no such format.
    """
    document = visible_or_404(request, Document.objects.all(), document_id)
    chosen = _one_of(exports.FORMATS, kind)
    name = exports.export_name(document, chosen)
    return _sent(request, document, lambda: exports.export_document(document, chosen), name, chosen)


@require_http_methods(["GET", "HEAD"])
def people_file(request: HttpRequest, document_id: UUID, kind: str) -> HttpResponseBase:
    """The segments of a document the user may see, as a table to read.

    Raises:
        Http404: the user may not see it, or there is no such format.
    """
    document = visible_or_404(request, Document.objects.all(), document_id)
    chosen = _one_of(people_exports.FORMATS, kind)
    name = people_exports.people_export_name(document, chosen)
    return _sent(
        request, document, lambda: people_exports.export_for_people(document, chosen), name, chosen
    )


def _sent(
    request: HttpRequest,
    document: Document,
    export: Callable[[], Iterator[bytes]],
    name: str,
    chosen: FileFormat,
) -> HttpResponseBase:
    """The export as a file; the document's page, with the reason, if it is refused."""
    try:
        return download(export(), name, chosen)
    except ExportRefused as refusal:
        messages.error(request, str(refusal))
        return HttpResponseRedirect(reverse("admin:datasets_document_change", args=[document.pk]))


@require_http_methods(["GET", "HEAD"])
def template_file(request: HttpRequest, doc_form: str, kind: str) -> HttpResponseBase:
    """A table to fill in.

    Raises:
        Http404: there is no such form or format.
    """
    if doc_form not in DocForm.values:
        raise Http404
    form, chosen = DocForm(doc_form), _one_of(exports.TEMPLATE_FORMATS, kind)
    return download(exports.template(form, chosen), exports.template_name(form, chosen), chosen)


def _one_of(formats: tuple[FileFormat, ...], kind: str) -> FileFormat:
    if kind not in formats:
        raise Http404
    return FileFormat(kind)

"""Importing a file in the admin: choose it, check the preview, confirm."""

from dataclasses import dataclass
from typing import Any, BinaryIO, cast
from uuid import UUID

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from datasets.exceptions import SegmillError
from datasets.models import Document
from segments.admin.import_form import (
    DELIMITERS,
    ENCODINGS,
    embed_choices,
    error_choices,
    given_fields,
    mode_choices,
    options_from,
    part_choices,
)
from segments.admin.permissions import editable_or_refused
from segments.admin.signed_upload import sign, unsign
from segments.files.options import ImportOptions
from segments.http import received_file
from segments.models.import_job import ImportSource
from segments.services import imports
from segments.services.previews import Preview, column_names, preview_import
from segments.uploads import StoredFile, store_file

# Looked at before an import: some seconds at most. The import itself checks every row.
ROWS_PREVIEWED = 10_000


@require_http_methods(["GET", "HEAD", "POST"])
def new_import(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """Choose or drop a file; posting it stores it and leads to the preview.

    A script that asks for JSON gets `{"url"}` of the preview, or `{"error"}`.
    """
    document = editable_or_refused(request, _documents(), document_id)
    error = ""
    if request.method == "POST":
        try:
            url = _accept(request, document)
        except SegmillError as refusal:
            error = str(refusal)
        else:
            return _answer_with(request, url)
    if error and _wants_json(request):
        return JsonResponse({"error": error})
    return _page(request, "import_new", document, error=error or _refusal(document))


@require_http_methods(["GET", "HEAD"])
def preview_page(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """What the stored file is and what importing it would do; changes nothing."""
    document = editable_or_refused(request, _documents(), document_id)
    reference = request.GET.get("file", "")
    try:
        stored = unsign(reference, document.pk, _user(request).pk)
    except SegmillError as refusal:
        return _page(request, "import_new", document, error=str(refusal))
    context = {"stored": stored, "reference": reference}
    try:
        reading = _read(request, stored, document)
    except SegmillError as refusal:  # it may be read with other options
        choices = _choices(request, _Reading(_options_or_default(request), ()))
        return _page(request, "import_new", document, error=str(refusal), **context, **choices)
    context |= {"preview": reading.preview, "error": reading.error, **_choices(request, reading)}
    return _page(request, "import_preview", document, **context)


@require_POST
def confirm_import(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """Start the import of a file that was looked at; confirming twice starts it once."""
    document = editable_or_refused(request, _documents(), document_id)
    try:
        stored = unsign(request.POST.get("file", ""), document.pk, _user(request).pk)
        started = imports.start_stored_import(
            document,
            stored,
            source=ImportSource.ADMIN,
            user=_user(request),
            options=options_from(request.POST),
            idempotency_key=stored.key,
        )
    except SegmillError as refusal:
        return _page(request, "import_new", document, error=str(refusal))
    return HttpResponseRedirect(reverse("admin:segments_importjob_change", args=[started.pk]))


def _documents() -> QuerySet[Document]:
    return Document.objects.select_related("dataset", "tenant")


def _accept(request: HttpRequest, document: Document) -> str:
    """Store the posted file; where its preview is.

    Raises:
        SegmillError: there is none, it is too large, or the document takes no segments.
    """
    imports.check_target(document)
    posted = received_file(request)
    stored = store_file(cast("BinaryIO", posted), posted.name or "file")
    reference = sign(stored, document.pk, _user(request).pk)
    url = reverse("admin:segments_importjob_preview", args=[document.pk])
    return f"{url}?{urlencode({'file': reference})}"


@dataclass(frozen=True, slots=True)
class _Reading:
    """A file as far as it could be looked at: its columns, and the preview or what is wrong."""

    options: ImportOptions
    header: tuple[str, ...]
    preview: Preview | None = None
    error: str = ""


def _read(request: HttpRequest, stored: StoredFile, document: Document) -> _Reading:
    """The file under the options of the address; a refusal of them leaves the file as it is.

    Raises:
        SegmillError: the file cannot be read at all, whatever the options.
    """
    error = ""
    try:
        options = options_from(request.GET)
        header = column_names(stored, options)
    except SegmillError as refusal:
        options, error = ImportOptions(), str(refusal)
        header = column_names(stored, options)
    if error:
        return _Reading(options, header, error=error)
    try:
        preview = preview_import(document, stored, options, ROWS_PREVIEWED)
        return _Reading(options, header, preview)
    except SegmillError as refusal:
        return _Reading(options, header, error=str(refusal))


def _options_or_default(request: HttpRequest) -> ImportOptions:
    """The options of the address; the usual ones, if those cannot be used."""
    try:
        return options_from(request.GET)
    except SegmillError:
        return ImportOptions()


def _choices(request: HttpRequest, reading: _Reading) -> dict[str, Any]:
    return {
        "options": reading.options,
        "given": given_fields(request.GET),
        "modes": mode_choices(reading.options),
        "policies": error_choices(reading.options),
        "moments": embed_choices(reading.options),
        "parts": part_choices(
            reading.header, () if reading.preview is None else reading.preview.uses
        ),
        "encodings": ENCODINGS,
        "delimiters": DELIMITERS,
    }


def _refusal(document: Document) -> str:
    """Why the document takes no segments now, before anybody looks for a file."""
    try:
        imports.check_target(document)
    except SegmillError as refusal:
        return str(refusal)
    return ""


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)  # admin pages are for users who are logged in


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def _answer_with(request: HttpRequest, url: str) -> HttpResponse:
    return JsonResponse({"url": url}) if _wants_json(request) else HttpResponseRedirect(url)


def _page(request: HttpRequest, name: str, document: Document, **context: Any) -> HttpResponse:
    title = f"Import into {document}"
    shown = {"title": title, "document": document, "dataset": document.dataset, **context}
    site = admin.site.each_context(request)
    return render(request, f"admin/segments/{name}.html", {**site, **shown})

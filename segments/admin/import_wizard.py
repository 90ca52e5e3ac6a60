"""Importing a file in the admin: choose it, check the preview, confirm."""

from dataclasses import dataclass
from typing import Any, BinaryIO, cast
from uuid import UUID

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from datasets.exceptions import SegmillError
from datasets.models import DocForm, Document
from segments.admin.import_form import (
    DELIMITERS,
    ENCODINGS,
    cleaning_choices,
    embed_choices,
    error_choices,
    given_fields,
    mode_choices,
    options_from,
    part_choices,
    usable_options_from,
)
from segments.admin.permissions import editable_or_refused
from segments.admin.signed_upload import sign, unsign
from segments.files.options import ImportOptions, OnError
from segments.files.splitting import SplitRule
from segments.files.wording import LABELS
from segments.models.import_job import ImportSource
from segments.services import imports
from segments.services.bad_rows import bad_rows_of_dry_run
from segments.services.previews import Preview, column_names, look_at, opened, refuse_unreadable
from segments.services.previews.proposals import preview_as_proposed
from segments.uploads import StoredFile, download, received_file, store_file

# Looked at before an import: some seconds at most. The import itself checks every row.
ROWS_PREVIEWED = 10_000
# Fields that the form has for texts only: what was chosen in them stays, whatever is refused.
TEXT_FIELDS = {"chunk_tokens", "chunk_overlap", "separator", "cleaning"}


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
            return answer_with(request, url)
    if error and _wants_json(request):
        return JsonResponse({"error": error})
    return _page(request, "import_new", document, error=error or _refusal(document))


@require_http_methods(["GET", "HEAD"])
def preview_page(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """What the stored file is and what importing it would do; changes nothing."""
    document = editable_or_refused(request, _documents(), document_id)
    reference = request.GET.get("file", "")
    try:
        stored = unsign(reference, document.pk, user_of(request).pk)
    except SegmillError as refusal:
        return _page(request, "import_new", document, error=str(refusal))
    context = {"stored": stored, "reference": reference}
    try:
        reading = _read(request, stored, document)
    except SegmillError as refusal:  # it may be read with other options
        shown = choices(request, Reading(usable_options_from(request.GET), ()))
        return _page(request, "import_new", document, error=str(refusal), **context, **shown)
    context |= {"preview": reading.preview, "error": reading.error, **choices(request, reading)}
    return _page(request, "import_preview", document, **context)


@require_POST
def confirm_import(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """Start the import of a file that was looked at; confirming twice starts it once."""
    document = editable_or_refused(request, _documents(), document_id)
    try:
        stored = unsign(request.POST.get("file", ""), document.pk, user_of(request).pk)
        started = imports.start_stored_import(
            document,
            stored,
            source=ImportSource.ADMIN,
            user=user_of(request),
            options=options_from(request.POST),
            idempotency_key=stored.key,
        )
    except SegmillError as refusal:
        return _page(request, "import_new", document, error=str(refusal))
    return HttpResponseRedirect(reverse("admin:segments_importjob_change", args=[started.pk]))


@require_http_methods(["GET", "HEAD"])
def preview_bad_rows(request: HttpRequest, document_id: UUID) -> HttpResponseBase:
    """The bad rows as a file, before anything is imported."""
    document = editable_or_refused(request, _documents(), document_id)
    try:
        stored = unsign(request.GET.get("file", ""), document.pk, user_of(request).pk)
        options = options_from(request.GET)
        with opened(stored) as file:
            found = look_at(document, file, stored.name, stored.size, options=options)
    except SegmillError as refusal:
        return _page(request, "import_new", document, error=str(refusal))
    bad_rows = bad_rows_of_dry_run(found, stored.name, document, options)
    return download(bad_rows.portions, bad_rows.name, bad_rows.format)


def _documents() -> QuerySet[Document]:
    return Document.objects.select_related("dataset", "tenant")


def _accept(request: HttpRequest, document: Document) -> str:
    """Store the posted file; where its preview is.

    Raises:
        SegmillError: there is none, it is too large, it is a text that nobody can read, or the
            document takes no segments.
    """
    imports.check_target(document)
    posted = received_file(request)
    stored = store_file(cast("BinaryIO", posted), posted.name or "file")
    refuse_unreadable(stored)
    reference = sign(stored, document.pk, user_of(request).pk)
    url = reverse("admin:segments_importjob_preview", args=[document.pk])
    return f"{url}?{urlencode({'file': reference})}"


@dataclass(frozen=True, slots=True)
class Reading:
    """A file as far as it could be looked at: its columns, and the preview or what is wrong."""

    options: ImportOptions
    header: tuple[str, ...]
    preview: Preview | None = None
    error: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the file is known to be a text that is cut, and no table."""
        return self.preview is not None and self.preview.is_document


def _read(request: HttpRequest, stored: StoredFile, document: Document) -> Reading:
    """The file under the options of the address; a refusal of them leaves the file as it is.

    Raises:
        SegmillError: the file cannot be read at all, whatever the options.
    """
    error = ""
    try:
        options = options_from(request.GET)
        header = column_names(stored, options)
    except SegmillError as refusal:
        options, error = usable_options_from(request.GET), str(refusal)
        header = column_names(stored, options)
    if error:
        return Reading(options, header, error=error)
    try:
        preview, options = preview_as_proposed(
            document,
            stored,
            options,
            ROWS_PREVIEWED,
            is_mode_chosen=bool(request.GET.get("mode")),
        )
        return Reading(options, header, preview)
    except SegmillError as refusal:
        return Reading(options, header, error=str(refusal))


def choices(request: HttpRequest, reading: Reading) -> dict[str, Any]:
    """What the form of options shows."""
    return {
        "options": reading.options,
        "given": given_fields(request.GET, reading.options),
        "asked_policy": bool(request.GET.get("on_error")),
        "asked": bool(given_fields(request.GET)),
        "query": request.GET.urlencode(),
        "stops_at_bad_rows": request.GET.get("on_error") == OnError.ABORT,
        "modes": mode_choices(reading.options),
        "policies": error_choices(reading.options),
        "moments": embed_choices(reading.options),
        "cleanings": cleaning_choices(reading.options),
        "separator": reading.options.separator.replace("\n", "\\n"),
        "child_separator": reading.options.child_separator.replace("\n", "\\n"),
        "usual": SplitRule(),
        "labels": LABELS,
        "is_text": reading.is_text or bool(TEXT_FIELDS & request.GET.keys()),
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


def user_of(request: HttpRequest) -> User:
    """Who is looking at the page."""
    return cast("User", request.user)  # admin pages are for users who are logged in


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def wants_json_refusal(request: HttpRequest, error: str) -> HttpResponse | None:
    """The refusal for a script that asks for JSON; None for others."""
    return JsonResponse({"error": error}) if _wants_json(request) else None


def answer_with(request: HttpRequest, url: str) -> HttpResponse:
    """Where to go next: for a script that asks for JSON, or by a redirect."""
    return JsonResponse({"url": url}) if _wants_json(request) else HttpResponseRedirect(url)


def _page(request: HttpRequest, name: str, document: Document, **context: Any) -> HttpResponse:
    title = f"Import into {document}"
    urls = {
        page: reverse(f"admin:segments_importjob_{name}", args=[document.pk])
        for page, name in (
            ("new", "new"),
            ("preview", "preview"),
            ("confirm", "confirm"),
            ("bad_rows", "preview_bad_rows"),
        )
    }
    shown = {"title": title, "document": document, "dataset": document.dataset, "urls": urls}
    shown["is_hierarchical"] = document.doc_form == DocForm.HIERARCHICAL
    shown |= context
    site = admin.site.each_context(request)
    return render(request, f"admin/segments/{name}.html", {**site, **shown})

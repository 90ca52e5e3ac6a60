"""Upload first: a file is taken and looked at, and all the rest is proposed."""

from typing import Any, BinaryIO, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from datasets.exceptions import SegmillError
from datasets.models import DocForm, Tenant
from datasets.tenant_admin import access_of
from segments.admin.import_form import options_from, usable_options_from
from segments.admin.import_wizard import (
    ROWS_PREVIEWED,
    Reading,
    answer_with,
    choices,
    user_of,
    wants_json_refusal,
)
from segments.admin.signed_upload import ANYWHERE, sign, unsign
from segments.files.options import ImportOptions
from segments.models.import_job import ImportSource
from segments.services import imports
from segments.services.bad_rows import bad_rows_of_dry_run
from segments.services.previews import column_names, look_at, opened, proposals, refuse_unreadable
from segments.services.previews.proposals import Proposal
from segments.services.targets import ImportTarget
from segments.uploads import StoredFile, download, received_file, store_file

URLS = {
    name: f"admin:segments_importjob_{page}"
    for name, page in (
        ("new", "upload"),
        ("preview", "look"),
        ("confirm", "accept"),
        ("bad_rows", "look_bad_rows"),
    )
}


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Choose or drop a file; posting it stores it and leads to what it is proposed to become."""
    _tenants(request)
    error = ""
    if request.method == "POST":
        try:
            posted = received_file(request)
            stored = store_file(cast("BinaryIO", posted), posted.name or "file")
            refuse_unreadable(stored)
        except SegmillError as refusal:
            error = str(refusal)
        else:
            reference = sign(stored, ANYWHERE, user_of(request).pk)
            return answer_with(
                request, f"{reverse(URLS['preview'])}?{urlencode({'file': reference})}"
            )
    if error and (refused := wants_json_refusal(request, error)):
        return refused
    return _page(request, "import_new", error=error)


@require_http_methods(["GET", "HEAD"])
def look(request: HttpRequest) -> HttpResponse:
    """What the file is, where it may go, and what importing it there would do."""
    reference = request.GET.get("file", "")
    try:
        stored = unsign(reference, ANYWHERE, user_of(request).pk)
    except SegmillError as refusal:
        return _page(request, "import_new", error=str(refusal))
    context: dict[str, Any] = {"stored": stored, "reference": reference}
    try:
        reading, proposal = _looked_at(request, stored)
    except SegmillError as refusal:
        reading = Reading(usable_options_from(request.GET), ())
        shown = choices(request, reading) | _names(request, None)
        return _page(request, "import_new", error=str(refusal), **context, **shown)
    context |= choices(request, reading) | _names(request, proposal)
    return _page(request, "import_preview", preview=reading.preview, error=reading.error, **context)


@require_POST
def accept(request: HttpRequest) -> HttpResponse:
    """Create what is missing and start the import; confirming twice starts it once."""
    try:
        stored = unsign(request.POST.get("file", ""), ANYWHERE, user_of(request).pk)
        options = options_from(request.POST)
        document = proposals.create_proposed(
            _tenant(request, request.POST),
            stored,
            options,
            _wanted(request.POST),
            user_of(request),
        )
        started = imports.start_stored_import(
            document,
            stored,
            source=ImportSource.ADMIN,
            user=user_of(request),
            options=options,
            idempotency_key=stored.key,
        )
    except SegmillError as refusal:
        return _page(request, "import_new", error=str(refusal))
    return HttpResponseRedirect(reverse("admin:segments_importjob_change", args=[started.pk]))


@require_http_methods(["GET", "HEAD"])
def look_bad_rows(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The bad rows as a file, before anything is imported."""
    try:
        stored = unsign(request.GET.get("file", ""), ANYWHERE, user_of(request).pk)
        options = options_from(request.GET)
        tenant = _tenant(request, request.GET)
        proposal = proposals.propose_target(tenant, stored, options, _wanted(request.GET))
        with opened(stored) as file:
            found = look_at(proposal.document, file, stored.name, stored.size, options=options)
    except SegmillError as refusal:
        return _page(request, "import_new", error=str(refusal))
    bad_rows = bad_rows_of_dry_run(found, stored.name, proposal.document, options)
    return download(bad_rows.portions, bad_rows.name, bad_rows.format)


def _looked_at(request: HttpRequest, stored: StoredFile) -> tuple[Reading, Proposal | None]:
    """The file under what was chosen so far; a refusal of that leaves the file as it is.

    Raises:
        SegmillError: the file cannot be read at all, whatever the options.
    """
    options = usable_options_from(request.GET)
    header: tuple[str, ...] = ()
    try:
        options = options_from(request.GET)
        header = column_names(stored, options)
        tenant = _tenant(request, request.GET)
        proposal = proposals.propose_target(tenant, stored, options, _wanted(request.GET))
    except SegmillError as refusal:
        header = header or column_names(stored, ImportOptions())
        return Reading(options, header, error=str(refusal)), None
    try:
        preview, options = proposals.preview_as_proposed(
            proposal.document,
            stored,
            options,
            ROWS_PREVIEWED,
            is_mode_chosen=bool(request.GET.get("mode")),
        )
    except SegmillError as refusal:
        return Reading(options, header, error=str(refusal)), proposal
    return Reading(options, header, preview), proposal


def _wanted(given: QueryDict) -> ImportTarget:
    return ImportTarget(
        tenant="",
        dataset=given.get("dataset", "").strip(),
        document=given.get("document", "").strip(),
        doc_form=given.get("doc_form", ""),
    )


def _tenants(request: HttpRequest) -> list[Tenant]:
    """The tenants that the user may import into.

    Raises:
        PermissionDenied: there are none.
    """
    tenants = list(access_of(request).editable(Tenant.objects.order_by("created_at"), "pk"))
    if not tenants:
        raise PermissionDenied
    return tenants


def _tenant(request: HttpRequest, given: QueryDict) -> Tenant:
    """The tenant that was chosen, else the first."""
    tenants = _tenants(request)
    chosen = given.get("tenant", "")
    return next((tenant for tenant in tenants if str(tenant.pk) == chosen), tenants[0])


def _names(request: HttpRequest, proposal: Proposal | None) -> dict[str, Any]:
    """What the form for the place shows."""
    tenants = _tenants(request)
    wanted = _wanted(request.GET)
    place = {
        "tenants": tenants if len(tenants) > 1 else [],
        "tenant": _tenant(request, request.GET),
        "dataset_name": proposal.document.dataset.name if proposal else wanted.dataset,
        "document_name": proposal.document.name if proposal else wanted.document,
        "doc_form": proposal.document.doc_form if proposal else wanted.doc_form,
        "forms": DocForm.choices,
        "datasets": proposal.datasets if proposal else [],
        "proposal": proposal,
    }
    is_hierarchical = place["doc_form"] == DocForm.HIERARCHICAL
    shown: dict[str, Any] = {"place": place, "is_hierarchical": is_hierarchical}
    if proposal:
        shown |= {"dataset": proposal.document.dataset}
    return shown


def _page(request: HttpRequest, name: str, **context: Any) -> HttpResponse:
    urls = {page: reverse(url) for page, url in URLS.items()}
    shown = {"title": "Import a file", "urls": urls, **context}
    site = admin.site.each_context(request)
    return render(request, f"admin/segments/{name}.html", {**site, **shown})

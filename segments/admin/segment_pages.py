"""Pages of segments beside Django's own: added by hand, changed together, history and back."""

from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from datasets.exceptions import SegmillError
from datasets.lookup import as_uuid
from datasets.models import Document
from datasets.tenant_admin import access_of
from datasets.wording import how_many
from segments.admin.permissions import editable_or_refused, visible_or_404
from segments.admin.segment_forms import NewSegmentForm, TogetherForm
from segments.exceptions import SegmentsRefused
from segments.models import DocumentSegment, SegmentChange
from segments.services import bulk_edits, history
from segments.services.bulk_edits import KeywordsAction
from segments.services.new_segments import add_segments

CHANGES_SHOWN = 100


def user_of(request: HttpRequest) -> User:
    """Who is looking at the page."""
    return cast("User", request.user)  # admin pages are for users who are logged in


class OutsideTransaction:
    """An admin whose changes are saved outside Django's usual transaction.

    They may wait for a model on the network; the services they call have transactions of their own.
    """

    @method_decorator(csrf_protect)
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form to add or change one, as Django shows it."""
        answer: HttpResponse = self._changeform_view(  # type: ignore[attr-defined]
            request, object_id, form_url, extra_context
        )
        return answer


@require_http_methods(["GET", "HEAD", "POST"])
def add_page(request: HttpRequest) -> HttpResponse:
    """Add one segment by hand, to the document of the address or one that is chosen."""
    documents = _documents(request)
    if request.method != "POST":
        form = NewSegmentForm(documents=documents, initial={"document": _asked_for(request)})
        return _form_page(request, form, "Add a segment", "Add")
    form = NewSegmentForm(request.POST, documents=documents)
    if form.is_valid() and (added := _added(form, user_of(request))) is not None:
        messages.success(request, f"The segment was added as number {added.position}.")
        url = reverse("admin:segments_documentsegment_change", args=[added.pk])
        return HttpResponseRedirect(url)
    return _form_page(request, form, "Add a segment", "Add")


def _asked_for(request: HttpRequest) -> UUID | None:
    """The document of the address, or of the list that the user comes from."""
    listed = QueryDict(request.GET.get("_changelist_filters", ""))
    return as_uuid(request.GET.get("document", "") or listed.get("document", ""))


def _documents(request: HttpRequest) -> QuerySet[Document]:
    """The documents that the user may add to.

    Raises:
        PermissionDenied: the user may not change anything.
    """
    access = access_of(request)
    if not access.edits_anything:
        raise PermissionDenied
    return access.editable(Document.objects.select_related("dataset").order_by("name"))


def _added(form: NewSegmentForm, user: User) -> DocumentSegment | None:
    """The new segment; None if it is refused, which the form says then."""
    try:
        (added,) = add_segments(form.cleaned_data["document"], [form.wanted], user)
    except SegmentsRefused as refusal:
        for problem in refusal.problems:
            form.add_error(
                problem.column if problem.column in form.fields else None, problem.reason
            )
        return None
    except SegmillError as refusal:
        form.add_error(None, str(refusal))
        return None
    return added


def together_page(request: HttpRequest, segments: QuerySet[DocumentSegment]) -> HttpResponse | None:
    """Change keywords or metadata of chosen segments; None once that is done."""
    is_answered = "together" in request.POST
    form = TogetherForm(request.POST if is_answered else None)
    ids = list(segments.values_list("pk", flat=True))
    if is_answered and form.is_valid():
        _change_together(request, ids, form.cleaned_data)
        return None
    title = f"Change {how_many(len(ids), 'segment')} together"
    chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
    return _form_page(
        request,
        form,
        title,
        f"Change {how_many(len(ids), 'segment')}",
        selected=chosen,
        select_across=request.POST.get("select_across", "0"),
        checkbox=ACTION_CHECKBOX_NAME,
    )


def _change_together(request: HttpRequest, ids: list[UUID], given: dict[str, Any]) -> None:
    user, changed = user_of(request), 0
    if given["keywords_action"]:
        action = KeywordsAction(given["keywords_action"])
        changed = bulk_edits.set_keywords(ids, given["keywords"] or [], action, user)
    if name := given["name"].strip():
        value = given["value"].strip() or None
        changed = max(changed, bulk_edits.set_metadata(ids, {name: value}, user))
    messages.success(request, changed_words(changed, len(ids)))


def changed_words(changed: int, chosen: int) -> str:
    """How many segments were changed, and how many were so already."""
    words = f"{how_many(changed, 'segment')} changed"
    rest = chosen - changed
    return f"{words}, {how_many(rest, 'already was', 'already were')}." if rest else f"{words}."


def history_page(request: HttpRequest, segment: DocumentSegment) -> HttpResponse:
    """Who changed what of a segment, with the way back."""
    changes = history.changes_of(segment.pk)[:CHANGES_SHOWN]
    context = {
        "title": f"History of segment {segment.position}",
        "versions": list(history.versions(changes)),
        "segment": segment,
        "document": segment.document,
        "may_edit": access_of(request).may_edit(segment.tenant_id),
    }
    return _page(request, "segment_history", context)


@require_http_methods(["GET", "HEAD"])
def deleted_page(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """The segments that people deleted from a document, to put them back."""
    documents = Document.objects.select_related("dataset", "tenant")
    document = visible_or_404(request, documents, document_id)
    changes = history.deletions_in(document)[:CHANGES_SHOWN]
    context = {
        "title": f"Deleted segments of {document}",
        "versions": list(history.versions(changes)),
        "document": document,
        "may_edit": access_of(request).may_edit(document.tenant_id),
    }
    return _page(request, "segment_history", context)


@require_POST
def restore_change(request: HttpRequest, change_id: int) -> HttpResponse:
    """Go back to what a segment said before a change."""
    change = get_object_or_404(SegmentChange, pk=change_id)
    editable_or_refused(request, Document.objects.all(), change.document_id)
    try:
        restored = bulk_edits.restore(change, user_of(request))
    except SegmillError as refusal:
        messages.error(request, str(refusal))
        url = reverse("admin:datasets_document_change", args=[change.document_id])
        return HttpResponseRedirect(request.headers.get("Referer") or url)
    is_back = restored != change.segment_id
    what = "was added to the end of its document again" if is_back else "says again what it said"
    messages.success(request, f"The segment {what} before {change.changed_at:%Y-%m-%d %H:%M}.")
    url = reverse("admin:segments_documentsegment_change", args=[restored])
    return HttpResponseRedirect(url)


def _form_page(
    request: HttpRequest, form: Form, title: str, submit: str, **context: Any
) -> HttpResponse:
    return _page(
        request, "segment_form", {"title": title, "form": form, "submit": submit, **context}
    )


def _page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    site = admin.site.each_context(request)
    return render(request, f"admin/segments/{name}.html", {**site, **context})

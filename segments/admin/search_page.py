"""The search page: a question, its answers with why they were found, corrected where they stand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from datasets.exceptions import SegmillError
from datasets.lookup import as_uuid
from datasets.models import Dataset, DocForm
from datasets.tenant_admin import TenantScopedAdmin, access_of
from segments.admin.segment_pages import user_of
from segments.exceptions import SegmentRefused
from segments.models import DocumentSegment, SearchJudgement
from segments.search import SearchMethod
from segments.search.across import MOST_DATASETS, FoundHit, metadata_names, search_across
from segments.search.filters import Condition, LogicalOperator, Operator, SearchFilter
from segments.search.query import MAX_TOP_K
from segments.services.bulk_edits import switch_segments
from segments.services.judgements import forget_judgement, judged_segments, keep_judgement
from segments.services.segments import (
    SegmentChanges,
    change_segment,
    delete_segments,
)

TOP_K = 10
METHODS = {
    SearchMethod.HYBRID: "Meaning and words",
    SearchMethod.SEMANTIC: "Meaning",
    SearchMethod.FULL_TEXT: "Words",
}
COUNTS = (10, 20, 50, MAX_TOP_K)
OPERATORS = {
    Operator.IS.value: "is",
    Operator.IS_NOT.value: "is not",
    Operator.CONTAINS.value: "contains",
    Operator.NOT_CONTAINS.value: "does not contain",
    Operator.START_WITH.value: "starts with",
    Operator.END_WITH.value: "ends with",
    Operator.IN.value: "is one of",
    Operator.NOT_IN.value: "is none of",
    Operator.ABOVE.value: "is above",
    Operator.AT_LEAST.value: "is at least",
    Operator.BELOW.value: "is below",
    Operator.AT_MOST.value: "is at most",
    Operator.BEFORE.value: "is before",
    Operator.AFTER.value: "is after",
    Operator.EMPTY.value: "is empty",
    Operator.NOT_EMPTY.value: "is not empty",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that may be chosen."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for by the address; what cannot be understood is the usual."""

    question: str
    datasets: frozenset[UUID]
    method: SearchMethod
    compared: SearchMethod | None
    top_k: int
    conditions: tuple[tuple[str, str, str], ...]
    any_of: bool
    keywords: str
    with_off: bool

    @classmethod
    def of(cls, given: QueryDict) -> "Asked":
        """What the fields of the form say."""
        named = filter(None, map(as_uuid, given.getlist("dataset")))
        count = given.get("top_k", "")
        return cls(
            question=given.get("q", "").strip(),
            datasets=frozenset(named),
            method=_method(given.get("method", "")) or SearchMethod.HYBRID,
            compared=_method(given.get("compare", "")),
            top_k=int(count) if count.isdecimal() and int(count) in COUNTS else TOP_K,
            conditions=tuple(_conditions(given)),
            any_of=given.get("match") == "or",
            keywords=given.get("keywords", "").strip(),
            with_off=bool(given.get("off")),
        )

    @property
    def is_filtered(self) -> bool:
        """Whether less or more than usual is searched."""
        return bool(self.conditions or self.keywords or self.with_off)

    @property
    def where(self) -> SearchFilter:
        """The filter.

        Raises:
            FilterRefused: a condition cannot be understood; the text says which.
        """
        words = tuple(word for each in self.keywords.split(",") if (word := each.strip()))
        return SearchFilter(
            keywords=words or None,
            enabled=None if self.with_off else True,
            conditions=tuple(
                Condition(name, Operator(operator), value or None)
                for name, operator, value in self.conditions
            ),
            logical_operator=LogicalOperator.OR if self.any_of else LogicalOperator.AND,
        )

    @property
    def methods(self) -> list[SearchMethod]:
        """The method, and the one it is compared with."""
        others = [self.compared] if self.compared and self.compared != self.method else []
        return [self.method, *others]


def _conditions(given: QueryDict) -> Iterator[tuple[str, str, str]]:
    """The conditions of the form that have a name."""
    lists = (given.getlist(field) for field in ("name", "operator", "value"))
    for name, operator, value in zip_longest(*lists, fillvalue=""):
        if name.strip():
            known = operator if operator in OPERATORS else Operator.IS.value
            yield name.strip(), known, value.strip()


@dataclass(frozen=True, slots=True)
class ShownHit:
    """A hit on the page: what may be done with it, and its place in the other list."""

    place: int
    found: FoundHit
    segment: DocumentSegment
    may_edit: bool
    is_answer: bool
    has_answer: bool
    refused: Mapping[str, str] | None
    elsewhere: int | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """The hits of one method, or why there are none."""

    method: SearchMethod
    hits: list[ShownHit] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def label(self) -> str:
        """The method as people read it."""
        return METHODS[self.method]


@never_cache
@require_http_methods(["GET", "HEAD"])
def search_page(request: HttpRequest) -> HttpResponse:
    """Ask a question of one, several or all datasets; changes nothing."""
    return _page(request, request.GET)


@require_POST
def act_on_hit(request: HttpRequest, segment_id: UUID) -> HttpResponse:
    """Correct, switch off or delete a hit, or keep it as an answer; then the same search again."""
    segment = _editable_segment(request, segment_id)
    back = QueryDict(request.POST.get("back", ""))
    act = _ACTS.get(request.POST.get("act", ""))
    if act is None:
        raise PermissionDenied
    try:
        messages.success(request, act(request, segment, back))
    except SegmentRefused as refusal:
        reasons = " ".join(problem.reason for problem in refusal.problems)
        return _page(request, back, {segment_id: request.POST.dict() | {"error": reasons}})
    except SegmillError as refusal:
        return _page(request, back, {segment_id: request.POST.dict() | {"error": str(refusal)}})
    url = reverse("admin:segments_documentsegment_search")
    return HttpResponseRedirect(f"{url}?{back.urlencode()}#hit-{segment_id}")


def _editable_segment(request: HttpRequest, segment_id: UUID) -> DocumentSegment:
    """The segment, for somebody who may change it.

    Raises:
        Http404: there is none, or the user may not even see it.
        PermissionDenied: the user may only see it.
    """
    segments = DocumentSegment.objects.without_vectors().select_related("document__dataset")
    visible = access_of(request).visible(segments, "document__tenant")
    segment = get_object_or_404(visible, pk=segment_id)
    if not access_of(request).may_edit(segment.tenant_id):
        raise PermissionDenied
    return segment


def _edit(request: HttpRequest, segment: DocumentSegment, back: QueryDict) -> SafeString:
    given = request.POST
    keywords = [word for each in given.get("keywords", "").split(",") if (word := each.strip())]
    changes = SegmentChanges(
        content=given.get("content", ""),
        answer=given.get("answer") if segment.document.doc_form == DocForm.QA else None,
        keywords=keywords,
        enabled=True,
    )
    change_segment(segment, changes, user_of(request))
    return _message(segment, "was corrected", "history", "See what was changed")


def _switch_off(request: HttpRequest, segment: DocumentSegment, back: QueryDict) -> SafeString:
    switch_segments([segment.pk], on=False, user=user_of(request))
    return _message(segment, "was switched off", "change", "Open it to switch it on again")


def _switch_on(request: HttpRequest, segment: DocumentSegment, back: QueryDict) -> SafeString:
    switch_segments([segment.pk], on=True, user=user_of(request))
    return _message(segment, "was switched on", "history", "See what was changed")


def _delete(request: HttpRequest, segment: DocumentSegment, back: QueryDict) -> SafeString:
    delete_segments([segment.pk], user_of(request))
    url = reverse("admin:segments_documentsegment_deleted", args=[segment.document_id])
    text = "Segment {} of “{}” was deleted. <a href='{}'>Put it back</a>"
    return format_html(text, segment.position, segment.document, url)


def _keep(request: HttpRequest, segment: DocumentSegment, back: QueryDict) -> SafeString:
    keep_judgement(segment, back.get("q", ""), user_of(request))
    url = reverse("admin:segments_searchjudgement_changelist")
    return format_html(
        "Kept: segment {} answers the question. <a href='{}'>Test questions</a>",
        segment.position,
        url,
    )


def _forget(request: HttpRequest, segment: DocumentSegment, back: QueryDict) -> SafeString:
    forget_judgement(segment, back.get("q", ""))
    return format_html("Segment {} is no longer kept as an answer.", segment.position)


def _message(segment: DocumentSegment, what: str, page: str, link: str) -> SafeString:
    url = reverse(f"admin:segments_documentsegment_{page}", args=[segment.pk])
    text = "Segment {} of “{}” {}. <a href='{}'>{}</a>"
    return format_html(text, segment.position, segment.document, what, url, link)


_ACTS = {
    "edit": _edit,
    "off": _switch_off,
    "on": _switch_on,
    "delete": _delete,
    "keep": _keep,
    "forget": _forget,
}
Refused = Mapping[UUID, Mapping[str, str]]


def _page(request: HttpRequest, given: QueryDict, refused: Refused | None = None) -> HttpResponse:
    asked = Asked.of(given)
    datasets = list(access_of(request).visible(Dataset.objects.select_related("tenant")))
    chosen = [each for each in datasets if not asked.datasets or each.pk in asked.datasets]
    columns = [_column(request, chosen, asked, method, refused or {}) for method in asked.methods]
    context = {
        "title": "Search",
        "asked": asked,
        "back": given.urlencode(),
        "columns": _compared(columns) if asked.question else [],
        "datasets": [Choice(str(d.pk), d.name, d.pk in asked.datasets) for d in datasets],
        "methods": _choices(asked.method),
        "comparisons": _choices(asked.compared),
        "counts": [Choice(str(each), str(each), each == asked.top_k) for each in COUNTS],
        "most_datasets": MOST_DATASETS,
        "names": metadata_names(chosen[:MOST_DATASETS]),
        "conditions": [*asked.conditions, ("", "", "")],
        "operators": OPERATORS.items(),
        "is_open": bool(
            asked.datasets
            or asked.compared
            or asked.is_filtered
            or asked.method != SearchMethod.HYBRID
        ),
    }
    site = admin.site.each_context(request)
    return render(request, "admin/segments/search.html", {**site, **context})


def _choices(chosen: SearchMethod | None) -> list[Choice]:
    return [Choice(method.value, label, method == chosen) for method, label in METHODS.items()]


def _column(
    request: HttpRequest,
    datasets: list[Dataset],
    asked: Asked,
    method: SearchMethod,
    refused: Refused,
) -> Column:
    if not asked.question:
        return Column(method)
    try:
        found = search_across(datasets, asked.question, method, asked.top_k, asked.where)
    except SegmillError as refusal:
        return Column(method, error=str(refusal))
    return Column(method, _shown(request, found.hits, asked, refused), found.notices)


def _shown(
    request: HttpRequest, hits: list[FoundHit], asked: Asked, refused: Refused
) -> list[ShownHit]:
    ids = [found.hit.segment_id for found in hits]
    loaded = DocumentSegment.objects.without_vectors().select_related("document")
    segments, answers = loaded.in_bulk(ids), judged_segments(asked.question, ids)
    access = access_of(request)
    return [
        ShownHit(
            place,
            found,
            segment,
            may_edit=access.may_edit(segment.tenant_id),
            is_answer=segment.pk in answers,
            has_answer=segment.document.doc_form == DocForm.QA,
            refused=refused.get(segment.pk),
        )
        for place, found in enumerate(hits, 1)
        if (segment := segments.get(found.hit.segment_id))
    ]


def _compared(columns: list[Column]) -> list[Column]:
    """Two columns, with the place of each hit in the other one."""
    if len(columns) < 2:
        return columns
    places = [{shown.segment.pk: shown.place for shown in each.hits} for each in columns]
    return [
        replace(
            column,
            hits=[replace(hit, elsewhere=other.get(hit.segment.pk, 0)) for hit in column.hits],
        )
        for column, other in zip(columns, reversed(places), strict=True)
    ]


def _method(word: str) -> SearchMethod | None:
    return SearchMethod(word) if word in METHODS else None


@admin.register(SearchJudgement)
class SearchJudgementAdmin(TenantScopedAdmin[SearchJudgement]):
    """Questions with their right answers; they are kept on the search page."""

    tenant_path = "dataset__tenant"
    list_display = ("question", "answered_by", "dataset", "created_by", "created_at")
    list_display_links = None
    list_filter = (("dataset", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("dataset", "created_by")
    search_fields = ("question", "content")
    list_per_page = 50
    CHARS_LISTED: ClassVar = 160

    def tenant_of(self, obj: SearchJudgement) -> Any:
        """That of the dataset."""
        return obj.dataset.tenant_id

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: they are kept on the search page."""
        return False

    @admin.display(description="answered by")
    def answered_by(self, judgement: SearchJudgement) -> SafeString:
        """The beginning of the answer, and a way to ask the question again."""
        address = reverse("admin:segments_documentsegment_search")
        query = QueryDict(mutable=True)
        query.update({"q": judgement.question, "dataset": str(judgement.dataset_id)})
        return format_html(
            "{} <a href='{}?{}'>Ask it again</a>",
            judgement.content[: self.CHARS_LISTED],
            address,
            query.urlencode(),
        )

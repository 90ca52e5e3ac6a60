"""Re-embeddings in the admin: start one, watch it, end it, and their history."""

from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from datasets.exceptions import SegmillError
from datasets.models import Dataset
from datasets.tenant_admin import access_of
from segments.admin.history import HistoryAdmin
from segments.admin.permissions import editable_or_refused, visible_or_404
from segments.files.options import OnError
from segments.models import DocumentSegment, Reembedding
from segments.models.embedding import ReembeddingStatus
from segments.services import reembeddings
from segments.services.model_providers import models_by_provider
from segments.services.reembeddings import report_reembedding

BY_STARTER = f"created_by__{get_user_model().USERNAME_FIELD}"

ON_ERROR = (
    (OnError.ABORT.value, "leave the dataset unchanged"),
    (OnError.SKIP.value, "leave their segments without a vector"),
)


class ModelChoice(forms.Form):
    """Which model, and what becomes of texts that it does not take."""

    provider = forms.ChoiceField()
    model = forms.CharField(
        max_length=255, widget=forms.TextInput(attrs={"list": "models", "autocomplete": "off"})
    )
    on_error = forms.ChoiceField(
        label="Texts that the model refuses",
        choices=ON_ERROR,
        initial=OnError.ABORT.value,
        widget=forms.RadioSelect,
    )

    def __init__(self, dataset: Dataset, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = models_by_provider(dataset.tenant_id)
        cast("forms.ChoiceField", self.fields["provider"]).choices = [
            (name, name) for name in known
        ]
        self.models = sorted({model for models in known.values() for model in models})


@require_http_methods(["GET", "HEAD", "POST"])
def new_reembedding(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    """Choose a model; posting it has the workers begin, and leads to the page of that."""
    dataset = editable_or_refused(request, Dataset.objects.all(), dataset_id)
    if ordered := reembeddings.in_progress(dataset):
        return _to_page(ordered)
    given = request.POST if request.method == "POST" else None
    form = ModelChoice(dataset, given, initial={"provider": dataset.embedding_model_provider})
    if given is not None:
        try:
            if "fill" in given:
                return _to_page(reembeddings.fill_missing(dataset, user=_user(request)))
            if form.is_valid():
                return _to_page(_begun(request, dataset, form.cleaned_data))
        except SegmillError as refusal:
            form.add_error(None, str(refusal))
    segments = DocumentSegment.objects.filter(dataset=dataset)
    context = {
        "title": f"Change the embedding model of {dataset}",
        "dataset": dataset,
        "form": form,
        "segments": segments.count(),
        "without": segments.filter(embedding=None).count() if dataset.has_vectors else 0,
    }
    return _page(request, "reembedding_new", context)


@never_cache
@require_http_methods(["GET", "HEAD"])
def reembedding_page(request: HttpRequest, reembedding_id: UUID) -> HttpResponse:
    """How far it is; the page asks for itself again and takes over what has changed."""
    work = visible_or_404(request, _reembeddings(), reembedding_id)
    may_edit = access_of(request).may_edit(work.tenant_id)
    context = {
        "title": f"Vectors of {work.dataset}",
        "work": work,
        "report": report_reembedding(work),
        "may_cancel": may_edit and not work.is_final,
        "may_resume": may_edit and work.status == ReembeddingStatus.INTERRUPTED,
        "may_start": may_edit and work.is_final,
    }
    return _page(request, "reembedding", context)


@require_POST
def cancel_reembedding(request: HttpRequest, reembedding_id: UUID) -> HttpResponse:
    """End it; the dataset keeps its model."""
    work = editable_or_refused(request, _reembeddings(), reembedding_id)
    try:
        reembeddings.cancel(work, f"Cancelled by {request.user}.")
    except SegmillError as refusal:
        messages.error(request, str(refusal))
    return _to_page(work)


@require_POST
def resume_reembedding(request: HttpRequest, reembedding_id: UUID) -> HttpResponse:
    """Resume an interrupted one now instead of after its pause."""
    work = editable_or_refused(request, _reembeddings(), reembedding_id)
    try:
        reembeddings.resume(work)
    except SegmillError as refusal:
        messages.error(request, str(refusal))
    return _to_page(work)


def _begun(request: HttpRequest, dataset: Dataset, chosen: dict[str, str]) -> Reembedding:
    return reembeddings.change_model(
        dataset,
        chosen["provider"],
        chosen["model"].strip(),
        on_error=OnError(chosen["on_error"]),
        user=_user(request),
    )


def _reembeddings() -> QuerySet[Reembedding]:
    return Reembedding.objects.select_related("dataset", "created_by")


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)  # admin pages are for users who are logged in


def _to_page(work: Reembedding) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:segments_reembedding_change", args=[work.pk]))


def _page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    site = admin.site.each_context(request)
    return render(request, f"admin/segments/{name}.html", {**site, **context})


@admin.register(Reembedding)
class ReembeddingAdmin(HistoryAdmin[Reembedding]):
    """Reembeddings are looked at here; they begin on their dataset's page."""

    list_display = ("state", "dataset", "vectors_of", "texts", "started_by", "created_at")
    list_display_links = ("state", "dataset")
    list_filter = ("status", "purpose", ("tenant", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("dataset", "created_by")
    search_fields = ("dataset__name", "embedding_model")

    pages = (
        ("new/<uuid:dataset_id>/", new_reembedding, "new"),
        ("<uuid:reembedding_id>/cancel/", cancel_reembedding, "cancel"),
        ("<uuid:reembedding_id>/resume/", resume_reembedding, "resume"),
    )
    page = reembedding_page

    @admin.display(description="state", ordering="status")
    def state(self, work: Reembedding) -> SafeString:
        """The state as a coloured badge; the words say it too."""
        words = work.get_status_display()
        return format_html(
            '<span class="import-badge import-badge-{}">{}</span>', work.status, words
        )

    @admin.display(description="model", ordering="embedding_model")
    def vectors_of(self, work: Reembedding) -> str:
        """The model the vectors are of."""
        return work.embedding_model

    @admin.display(description="texts", ordering="texts_total")
    def texts(self, work: Reembedding) -> str:
        """How many were embedded, of how many."""
        return f"{work.texts_embedded:,} of {work.texts_total:,}"

    @admin.display(description="started by", ordering=BY_STARTER)
    def started_by(self, work: Reembedding) -> str:
        """Who asked for it, where that is known."""
        return str(work.created_by) if work.created_by else "–"

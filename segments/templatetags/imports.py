"""Template tags that show imports: the badge of a state, and what the start page lists."""

from typing import Any

from django import template
from django.db.models import Count, Sum
from django.db.models.functions import Coalesce
from django.utils.html import format_html
from django.utils.safestring import SafeString

from datasets.languages import language_name
from datasets.models import Dataset
from datasets.tenant_admin import access_of
from segments.embedding.languages import REMEDY, REMEDY_ON_PAGE
from segments.files.wording import for_page
from segments.models import ImportJob

ROWS_LISTED = 10


def badge(job: ImportJob) -> SafeString:
    """The badge of `job`: its class says which state it is, and so which colour."""
    status = "undone" if job.undone_at else job.status
    words = "Undone" if job.undone_at else job.get_status_display()
    return format_html('<span class="import-badge import-badge-{}">{}</span>', status, words)


register = template.Library()


@register.simple_tag
def import_badge(job: ImportJob) -> SafeString:
    """The state of an import, as a coloured badge."""
    return badge(job)


@register.filter
def labelled(text: str) -> str:
    """A message with the labels of the form, and without what only a shell can do."""
    return for_page(str(text)).replace(REMEDY, REMEDY_ON_PAGE)


@register.simple_tag(takes_context=True)
def start_page(context: dict[str, Any]) -> dict[str, Any]:
    """The datasets with their sizes and the last imports, as far as the user may see them."""
    access = access_of(context["request"])
    datasets = (
        access.visible(Dataset.objects.all())
        .annotate(
            document_count=Count("documents"),
            segment_count=Coalesce(Sum("documents__segment_count"), 0),
        )
        .order_by("-updated_at")[:ROWS_LISTED]
    )
    jobs = access.visible(ImportJob.objects.select_related("document"))
    return {
        "may_import": access.edits_anything,
        "datasets": [_with_language(dataset) for dataset in datasets],
        "imports": list(jobs.order_by("-created_at")[:ROWS_LISTED]),
    }


def _with_language(dataset: Any) -> Any:
    dataset.language_label = language_name(dataset.language) or "–"
    return dataset

"""Template tags that show imports, and the badge of a state."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from segments.models import ImportJob


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

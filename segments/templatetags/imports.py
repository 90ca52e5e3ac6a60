"""How imports are shown in templates."""

from django import template
from django.utils.safestring import SafeString

from segments.admin.badges import badge
from segments.models import ImportJob

register = template.Library()


@register.simple_tag
def import_badge(job: ImportJob) -> SafeString:
    """The state of an import, as a coloured badge."""
    return badge(job)

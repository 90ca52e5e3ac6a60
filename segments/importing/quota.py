"""How many imports of one tenant are under way at once: the others wait for their turn."""

from uuid import UUID

from django.conf import settings

from datasets.models import Tenant
from segments.hints import hint
from segments.models import ImportJob
from segments.models.import_job import WORKING_STATUSES, ImportStatus


def has_room(job_id: UUID) -> bool:
    """Whether the import may begin: in a transaction, which holds the tenant's row till its end.

    A foreground import always may: its process is there already.
    """
    job = ImportJob.objects.only("tenant_id", "background", "status").filter(pk=job_id).first()
    if job is None or not job.background or job.status != ImportStatus.WAITING:
        return True
    if not settings.SEGMILL_TENANT_IMPORTS:
        return True
    Tenant.objects.select_for_update(no_key=True).get(pk=job.tenant_id)
    under_way = ImportJob.objects.filter(
        tenant=job.tenant_id, background=True, status__in=WORKING_STATUSES
    )
    return under_way.count() < settings.SEGMILL_TENANT_IMPORTS


def call_next(tenant_id: UUID) -> None:
    """Hint at the tenant's import that has waited longest, for there is room again."""
    waiting = ImportJob.objects.filter(
        tenant=tenant_id, background=True, status=ImportStatus.WAITING
    )
    longest = waiting.order_by("created_at").values_list("pk", flat=True).first()
    if longest is not None:
        hint(longest)

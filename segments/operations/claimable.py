"""Which imports have work that a worker could take at this moment, and since when."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from segments.models import ImportJob
from segments.models.import_job import LEASED_STATUSES

# `segments.imports.state` and `chunks` decide at the claim; this is the same for all imports
# at once. A foreground import is its own process's business.
CLAIMABLE = """
    WITH due AS (
        SELECT * FROM segments_importjob
        WHERE background
            AND status IN ('waiting', 'preparing', 'embedding', 'publishing', 'interrupted')
            AND (not_before IS NULL OR not_before <= statement_timestamp())
    ), claimable AS (
        SELECT id, greatest(created_at, not_before) AS since, false AS is_worked_on
        FROM due WHERE status = 'interrupted' OR status = 'waiting' AND (
            %(most)s = 0 OR %(most)s > (
                SELECT count(*) FROM segments_importjob AS other
                WHERE other.tenant_id = due.tenant_id AND other.background
                    AND other.status IN ('preparing', 'embedding', 'publishing')))
        UNION ALL
        SELECT id, greatest(lease_until, not_before), false
        FROM due WHERE status IN ('preparing', 'publishing')
            AND lease_until < statement_timestamp()
        UNION ALL
        SELECT due.id, coalesce(chunks.free_since, chunks.done_at, prepared_at),
               chunks.is_worked_on
        FROM due CROSS JOIN LATERAL (
            SELECT min(greatest(due.prepared_at, lease_until, not_before)) FILTER (
                       WHERE (status = 'pending' OR status = 'running'
                                AND lease_until < statement_timestamp())
                           AND (not_before IS NULL OR not_before <= statement_timestamp())
                   ) AS free_since,
                   coalesce(bool_or(status = 'running'
                       AND lease_until >= statement_timestamp()), false) AS is_worked_on,
                   coalesce(bool_and(status = 'done'), true) AS is_done,
                   max(finished_at) AS done_at
            FROM segments_chunk WHERE job_id = due.id
        ) AS chunks
        WHERE due.status = 'embedding' AND (chunks.free_since IS NOT NULL OR chunks.is_done)
    )
    SELECT id,
           extract(epoch FROM statement_timestamp() - claimable.since)::float8,
           extract(epoch FROM statement_timestamp() - coalesce(hinted_at, created_at))::float8,
           claimable.is_worked_on
    FROM claimable JOIN due USING (id)
    ORDER BY claimable.since
"""


@dataclass(frozen=True, slots=True)
class Claimable:
    """An import with work to be taken.

    `since` is how many seconds ago it could be taken first, `hinted` how many seconds ago
    workers were told; `is_worked_on` says whether other parts of it are being worked on.
    """

    job_id: UUID
    since: float
    hinted: float
    is_worked_on: bool


def find_claimable() -> list[Claimable]:
    """The imports with work to be taken, the longest waiting one first."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIMABLE, {"most": settings.SEGMILL_TENANT_IMPORTS})
        found = [Claimable(*fields) for fields in cursor.fetchall()]
    at_work = _at_work([each.job_id for each in found])
    return [each for each in found if each.job_id not in at_work]


@transaction.atomic
def _at_work(ids: list[UUID]) -> set[UUID]:
    """Imports whose lease has run out during one long statement: their holder has them locked."""
    leased = ImportJob.objects.filter(pk__in=ids, status__in=LEASED_STATUSES)
    unlocked = leased.select_for_update(skip_locked=True, no_key=True, of=("self",))
    return set(leased.values_list("pk", flat=True)) - set(unlocked.values_list("pk", flat=True))

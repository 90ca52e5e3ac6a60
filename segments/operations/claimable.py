"""Which imports have work that a worker could take at this moment, and since when."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

# `segments.importing.state` and `chunks` decide at the claim; this is the same for all imports
# at once. A foreground import is its own process's business.
CLAIMABLE = """
    WITH due AS (
        SELECT * FROM segments_importjob
        WHERE background AND finished_at IS NULL
            AND (not_before IS NULL OR not_before <= statement_timestamp())
    ), claimable AS (
        SELECT id, greatest(created_at, not_before) AS since, false AS is_worked_on
        FROM due WHERE status IN ('waiting', 'interrupted')
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
        cursor.execute(CLAIMABLE)
        return [Claimable(*fields) for fields in cursor.fetchall()]

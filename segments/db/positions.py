"""Up to which place in the primary's log a replica must have come before it may answer.

A change is noted as a row of `WalPosition`: for its dataset, its tenant, or for everybody. The
row of a publish is written in the publishing transaction itself, with the place left open, so no
moment exists at which rows are visible and their position is not known; while it is open, readers
take the place at which the log is now. After the commit the row gets the place of then.

The insert position is taken, not the flushed one: a reader of the primary sees a commit that is
in the log, whether or not it has reached the disk.

All of it is on the primary, and nothing is written or asked where there are no replicas.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

NOW = "pg_current_wal_insert_lsn()"
# Positions older than this become one that counts for everybody: a replica that is so far behind
# is passed over anyway, and the table stays small.
FOLD_MINUTES = 10

OF_ROW = """
    INSERT INTO segments_walposition (tenant_id, dataset_id, origin)
    SELECT tenant_id, dataset_id, %s FROM {table} WHERE id = %s RETURNING id
"""
CLOSE = f"UPDATE segments_walposition SET position = {NOW} WHERE id = %s"
NOTE = f"""
    INSERT INTO segments_walposition (tenant_id, dataset_id, origin, position)
    VALUES (%s, %s, %s, {NOW})
"""
# Without any row nothing is known of earlier changes, so only a replica that has them all will do.
NEEDED = f"""
    SELECT coalesce(
        (SELECT max(coalesce(position, {NOW})) FROM segments_walposition
        WHERE (%(tenant)s::uuid IS NULL OR tenant_id IS NULL OR tenant_id = %(tenant)s)
            AND (%(dataset)s::uuid IS NULL OR dataset_id IS NULL OR dataset_id = %(dataset)s)),
        (SELECT {NOW} WHERE NOT EXISTS (SELECT FROM segments_walposition)),
        '0/0'::pg_lsn)::text
"""
HAS_REPLAYED = """
    SELECT pg_is_in_recovery() AND coalesce(pg_last_wal_replay_lsn() >= %s::pg_lsn, false)
"""
BEHIND = """
    SELECT greatest(pg_wal_lsn_diff(%s::pg_lsn, pg_last_wal_replay_lsn()), 0)::bigint,
        coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0)::float8
    WHERE pg_is_in_recovery()
"""
# What a process that was killed before it could has left open, and what has become old.
SETTLE = f"UPDATE segments_walposition SET position = {NOW} WHERE position IS NULL"
FOLD = f"""
    WITH old AS (
        DELETE FROM segments_walposition
        WHERE position IS NOT NULL AND at < now() - interval '{FOLD_MINUTES} minutes'
        RETURNING position
    )
    INSERT INTO segments_walposition (origin, position)
    SELECT 'folded', max(position) FROM old HAVING count(*) > 0
    UNION ALL
    SELECT 'first', {NOW} WHERE NOT EXISTS (SELECT FROM segments_walposition)
"""


class LsnField(models.Field[str | None, str | None]):
    """A place in the log, as PostgreSQL writes it: 16/B374D848."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """PostgreSQL's own type, which compares."""
        return "pg_lsn"


def note_with_commit(table: str, row_id: UUID, origin: str) -> None:
    """Note that the transaction changes the dataset of a row of `table`, as it commits."""
    if not settings.SEGMILL_REPLICAS:
        return
    with connection.cursor() as cursor:
        cursor.execute(OF_ROW.format(table=table), [origin, row_id])
        ids = [found for (found,) in cursor.fetchall()]

    def close() -> None:  # a named function: Django cannot log the error of a partial
        for found in ids:
            _execute(CLOSE, [found])

    transaction.on_commit(close, robust=True)


def note(tenant_id: UUID | None, dataset_id: UUID | None, origin: str) -> None:
    """Note what was committed before: a change to a dataset, a tenant or, by None, to anything."""
    if settings.SEGMILL_REPLICAS:
        _execute(NOTE, [tenant_id, dataset_id, origin])


def needed(tenant_id: UUID | None, dataset_id: UUID | None) -> str:
    """The position that a replica must have replayed for who asks for a dataset, tenant or all."""
    with connection.cursor() as cursor:
        cursor.execute(NEEDED, {"tenant": tenant_id, "dataset": dataset_id})
        return str(cursor.fetchone()[0])


def settle() -> None:
    """Close what is open and fold what is old."""
    if settings.SEGMILL_REPLICAS:
        _execute(SETTLE, [])
        _execute(FOLD, [])


def written() -> str:
    """The position at which the primary writes now."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {NOW}::text")
        return str(cursor.fetchone()[0])


def has_replayed(replica: BaseDatabaseWrapper, position: str) -> bool:
    """Whether the server is a replica and has replayed the primary's log up to `position`."""
    with replica.cursor() as cursor:
        cursor.execute(HAS_REPLAYED, [position])
        return bool(cursor.fetchone()[0])


def behind(replica: BaseDatabaseWrapper, position: str) -> tuple[int, float] | None:
    """How many bytes it is behind `position`, and seconds behind now; None if it is no replica."""
    with replica.cursor() as cursor:
        cursor.execute(BEHIND, [position])
        row = cursor.fetchone()
    return None if row is None else (int(row[0]), float(row[1]) if row[0] else 0.0)


def _execute(statement: str, parameters: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)

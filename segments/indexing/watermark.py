"""The watermark: a version up to which no segment can appear any more.

Versions come from a sequence, so a transaction may draw a number now and commit it in an hour.
Whoever draws any holds a shared advisory lock from before the first until its end
(`segments/sql/functions/announce_versions.sql`). So: read the sequence, note who holds the lock
at that moment, wait until these have ended. Whoever takes the lock later draws higher numbers.
"""

from collections.abc import Callable
from time import sleep

from django.db import connection

# "version" in ASCII, as in announce_versions.sql.
ANNOUNCED = int.from_bytes(b"version")
SECONDS_BETWEEN_LOOKS = 0.1

LAST_VERSION = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM segments_segment_version"
# A lock on a number of 64 bits is listed by its two halves.
HOLDERS = """
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid::bigint = %(key)s >> 32 AND objid::bigint = %(key)s & 4294967295
"""


def take_watermark(while_waiting: Callable[[], None]) -> int:
    """A version up to which all that will ever be committed is visible from now on.

    Publishing transactions last seconds or minutes: `while_waiting` is called every tenth of a
    second and may raise to give up. Call it with no transaction open: one that sees the past
    would not see what has been waited for.
    """
    with connection.cursor() as cursor:
        cursor.execute(LAST_VERSION)
        watermark = int(cursor.fetchone()[0])
    writing = _holders()
    while writing:
        while_waiting()
        sleep(SECONDS_BETWEEN_LOOKS)
        writing &= _holders()
    return watermark


def _holders() -> set[str]:
    """The transactions that may have drawn versions and have not ended."""
    with connection.cursor() as cursor:
        cursor.execute(HOLDERS, {"key": ANNOUNCED})
        return {transaction for (transaction,) in cursor.fetchall()}

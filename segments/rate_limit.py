"""How many requests a minute a key may make, counted by all web processes together.

The generic cell rate algorithm (the leaky bucket of ATM traffic control, ITU-T I.371): a moment
per key, moved by one statement on the database's clock, so that neither processes nor machines
need to agree on anything. In PostgreSQL rather than in the cache, which may be files and counts
no two processes apart.
"""

from math import ceil
from uuid import UUID

from django.db import connection

MINUTE_SECONDS = 60.0
# No row comes back where the key has used up what it may.
TAKE = """
    INSERT INTO segments_apikeyrate AS rate (key_id, spent_until)
    VALUES (%(key)s, clock_timestamp() + make_interval(secs => %(cost)s))
    ON CONFLICT (key_id) DO UPDATE SET spent_until =
        greatest(rate.spent_until, clock_timestamp()) + make_interval(secs => %(cost)s)
    WHERE rate.spent_until <= clock_timestamp() + make_interval(secs => %(slack)s)
    RETURNING 0
"""
WAIT = """
    SELECT extract(epoch FROM spent_until - clock_timestamp())::float8 - %(slack)s
    FROM segments_apikeyrate WHERE key_id = %(key)s
"""


def seconds_to_wait(key_id: UUID, per_minute: int) -> int:
    """0 if the key may make this request, which is counted; else when to ask again.

    Half of a minute's requests may come at once; the others come back evenly, so that no
    minute, wherever it begins, sees more than `per_minute`.
    """
    at_once = max(per_minute // 2, 1)
    cost = MINUTE_SECONDS / max(per_minute - at_once, 1)
    asked: dict[str, UUID | float] = {"key": key_id, "cost": cost, "slack": cost * (at_once - 1)}
    with connection.cursor() as cursor:
        cursor.execute(TAKE, asked)
        if cursor.fetchone():
            return 0
        cursor.execute(WAIT, asked)
        (seconds,) = cursor.fetchone() or (0.0,)
    return max(ceil(seconds), 1)

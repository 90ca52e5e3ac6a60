"""The queue and the cache of an installation: in its own home, or in Redis.

The reasons were measured on django-q2 1.11.1, whose own defaults lose or repeat work in ways
that a bulk import cannot bear. Segmill's system checks refuse the settings that would.
"""

from pathlib import Path
from typing import Any

from config.redis_urls import with_timeouts

# Seconds a killed worker's message stays hidden, over the time a task may take: the hard kill
# comes three seconds after the timeout, and the message waits in a worker's hand before that.
RETRY_AFTER_TIMEOUT = 2
CACHE_ENTRIES = 10_000


def cluster_from(
    broker_url: str, *, workers: int, timeout: int, max_rss_kib: int
) -> dict[str, Any]:
    """Django-q2's settings: the ORM broker, or Redis at `broker_url`."""
    broker = {"redis": with_timeouts(broker_url)} if broker_url else {"orm": "default"}
    return {
        "name": "segmill",
        # The ORM broker is on the alias of the data: a message is committed with its job, and
        # the scheduler does not lose its transaction.
        **broker,
        "workers": workers,
        # Messages fetched ahead wait in one machine's memory, where no other machine gets at
        # them and a killed cluster of the Redis broker loses them: one will do.
        "queue_limit": 1,
        # An unreadable message would take the rest of its batch with it.
        "bulk": 1,
        # Ends what hangs. Leases, not this, bring the work of a lost worker to another one.
        "timeout": timeout,
        # Counted from the fetching of the message: below the timeout work would run twice.
        "retry": RETRY_AFTER_TIMEOUT * timeout,
        # Attempts are counted in our own tables, at the claim; django-q2 counts neither
        # killed workers nor lost results, and would repeat a failed task for ever.
        "ack_failures": True,
        "max_attempts": 5,
        # Workers are renewed now and then, so that a leak in a library stays small.
        "recycle": 200,
        "max_rss": max_rss_kib,
        # The hard kill fires when a countdown from timeout + 3 in steps of this meets zero
        # exactly: a step that does not divide it switches the kill off.
        "guard_cycle": 0.5,
        # A schedule that was missed while all was down is due once, not once per slot.
        "catch_up": False,
        # Results are in our tables; keeping them here would lock 250 rows per task.
        "save_limit": -1,
        "poll": 0.5,
        "cache": "default",
    }


def cache_from(cache_url: str, home: Path) -> dict[str, Any]:
    """Django's cache settings: files in `home`, or Redis at `cache_url`.

    Shared by all processes, and blind to open transactions. What either hands back is JSON:
    whoever can write there cannot make a process run code.
    """
    if cache_url:
        return {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": with_timeouts(cache_url),
            "OPTIONS": {"SERIALIZER": "django_redis.serializers.json.JSONSerializer"},
        }
    return {
        "BACKEND": "config.json_cache.JSONFileCache",
        "LOCATION": home / "cache",
        "OPTIONS": {"MAX_ENTRIES": CACHE_ENTRIES},
    }

"""The queue and the cache of an installation: in its own home, or in Redis."""

from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit, urlunsplit

from segments.conf import QUEUE, RETRY_AFTER_TIMEOUT

# A Redis server has 16 databases by default, numbered from 0.
LAST_DATABASE = 15
# A server that does not answer in time is reported as down. An answer may take longer than the one
# second for which workers wait for the next message in one call.
CONNECT_SECONDS = 3
ANSWER_SECONDS = 10


def database_number(url: str) -> int:
    """The number of the database that `url` names on its server.

    Raises:
        ValueError: it is not a number, or the address has no port that could be one.
    """
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return int(parse_qs(parts.query).get("db", ["0"])[0])
    _ = parts.port
    return int(parts.path.strip("/") or 0)


def neighbour(url: str) -> str:
    """The next database on the same server, or the one before the last."""
    number = database_number(url)
    other = number + 1 if number < LAST_DATABASE else number - 1
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return _with_query(parts, {"db": other})
    return urlunsplit(parts._replace(path=f"/{other}"))


def with_timeouts(url: str) -> str:
    """`url` with a limit on how long connecting and answering may take, unless it has one."""
    parts = urlsplit(url)
    limits = {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": ANSWER_SECONDS}
    given = parse_qs(parts.query)
    return _with_query(parts, {name: n for name, n in limits.items() if name not in given})


def _with_query(parts: SplitResult, changes: dict[str, int]) -> str:
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    query = urlencode(given | changes)
    if parts.scheme == "unix":  # urlunsplit would leave the two slashes out
        return f"unix://{parts.netloc}{parts.path}?{query}"
    return urlunsplit(parts._replace(query=query))


CACHE_ENTRIES = 10_000


def cluster_from(
    broker_url: str, *, workers: int, timeout: int, max_rss_kib: int
) -> dict[str, Any]:
    """Django-q2's settings: the ORM broker, or Redis at `broker_url`."""
    shared = dict(QUEUE)
    if broker_url:
        del shared["orm"]
        shared["redis"] = with_timeouts(broker_url)
    return {
        **shared,
        "workers": workers,
        "timeout": timeout,
        "retry": RETRY_AFTER_TIMEOUT * timeout,
        "max_rss": max_rss_kib,
    }


def cache_from(cache_url: str, home: Path) -> dict[str, Any]:
    """Django's cache settings: files in `home`, or Redis at `cache_url`.

    Shared by all processes, and independent of open transactions. Redis returns JSON, so that
    others with access to the server cannot make a process run code; the files are pickles, in a
    folder that only the installation's own user can enter (Django creates it with the mode 0700).
    """
    if cache_url:
        return {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": with_timeouts(cache_url),
            "OPTIONS": {"SERIALIZER": "django_redis.serializers.json.JSONSerializer"},
        }
    return {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": home / "cache",
        "OPTIONS": {"MAX_ENTRIES": CACHE_ENTRIES},
    }

"""Which database an installation uses: a server by its URL, or the home's own Postgres."""

from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from config.embedded import embedded_database

DATABASE_NAME = "segmill"
POSTGRES = "django.db.backends.postgresql"
# A pooled connection is checked before use and kept this long (seconds).
CONNECTION_AGE = 60
# The server notices within this time, even during a long statement, that its client is gone.
CLIENT_CHECK_SECONDS = 5
# A server that does not answer within this many seconds is reported as down.
CONNECT_TIMEOUT = 5
# A peer that has fallen silent (power, cable, firewall) says nothing: TCP itself would wait for
# two hours, and 15 minutes for what it has sent. A connection that waits for an answer is probed
# after 10 s of silence, then every 5 s, and given up after the third probe without an answer:
# 10 + 3 x 5 = 25 s. What was sent and never acknowledged is given up after as long.
KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_COUNT = 10, 5, 3
SILENT_SECONDS = KEEPALIVE_IDLE + KEEPALIVE_COUNT * KEEPALIVE_INTERVAL
# The primary stands in for a replica that is silent: better after 2 or 3 s than after 25.
AT_A_REPLICA = {
    "connect_timeout": 2,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 3_000,
}


def database_from(url: str, home: Path) -> dict[str, Any]:
    """Django's settings for `url`, or for the embedded server of `home` when it is empty.

    Raises:
        ImproperlyConfigured: `url` is not the address of a PostgreSQL database.
    """
    if url:
        entry = _server(url, "DATABASE_URL", "remove it to use the embedded PostgreSQL")
    else:
        entry = embedded_database(home, DATABASE_NAME)
    entry["CONN_MAX_AGE"] = CONNECTION_AGE
    entry["CONN_HEALTH_CHECKS"] = True
    if url:
        entry["OPTIONS"] = our_side() | entry.get("OPTIONS", {})
        _prepend(entry, their_side())
    return entry


def our_side() -> dict[str, int]:
    """How libpq notices a silent server, within `SILENT_SECONDS`."""
    return {
        "connect_timeout": CONNECT_TIMEOUT,
        "keepalives": 1,
        "keepalives_idle": KEEPALIVE_IDLE,
        "keepalives_interval": KEEPALIVE_INTERVAL,
        "keepalives_count": KEEPALIVE_COUNT,
        "tcp_user_timeout": SILENT_SECONDS * 1000,
    }


def their_side() -> dict[str, str]:
    """How the server notices a silent client as fast, and frees its locks."""
    return {
        "tcp_keepalives_idle": f"{KEEPALIVE_IDLE}s",
        "tcp_keepalives_interval": f"{KEEPALIVE_INTERVAL}s",
        "tcp_keepalives_count": str(KEEPALIVE_COUNT),
        "tcp_user_timeout": f"{SILENT_SECONDS}s",
    }


def replicas_from(urls: list[str]) -> dict[str, dict[str, Any]]:
    """Django's settings for the streaming replicas at `urls`, named replica1, replica2 and so on.

    Raises:
        ImproperlyConfigured: one is not the address of a PostgreSQL database.
    """
    return {f"replica{number}": _replica(url, number) for number, url in enumerate(urls, start=1)}


def _replica(url: str, number: int) -> dict[str, Any]:
    entry = _server(url, f"Address {number} of SEGMILL_REPLICA_URLS", "leave it out")
    entry["CONN_MAX_AGE"] = CONNECTION_AGE
    # Asked how far it is before each use; that shows whether the connection still works.
    entry["CONN_HEALTH_CHECKS"] = False
    entry["OPTIONS"] = our_side() | AT_A_REPLICA | entry.get("OPTIONS", {})
    entry["TEST"] = {"MIRROR": "default"}
    _prepend(entry, their_side())
    return entry


def _server(url: str, name: str, remedy: str) -> dict[str, Any]:
    try:
        entry: dict[str, Any] = {**dj_database_url.parse(url)}
    except ValueError:
        entry = {}
    if entry.get("ENGINE") != POSTGRES or not entry["NAME"]:
        raise ImproperlyConfigured(  # without the value, which has the password in it
            f"{name} names no PostgreSQL database. Write it as "
            f"postgres://user:password@host:5432/name, or {remedy}."
        )
    return entry


def limit_transactions(entry: dict[str, Any], idle_seconds: int) -> None:
    """Have the server end transactions of clients that are suspended, cut off or dead.

    Their locks would keep others from taking over their work. Options in DATABASE_URL take
    precedence.
    """
    limits = {
        "idle_in_transaction_session_timeout": f"{idle_seconds}s",
        "client_connection_check_interval": f"{CLIENT_CHECK_SECONDS}s",
    }
    _prepend(entry, limits)


def _prepend(entry: dict[str, Any], parameters: dict[str, str]) -> None:
    """Have the server set `parameters`, before what is set already: the last one counts."""
    options = entry.setdefault("OPTIONS", {})
    ours = " ".join(f"-c {name}={value}" for name, value in parameters.items())
    options["options"] = f"{ours} {options.get('options', '')}".strip()

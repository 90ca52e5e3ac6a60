"""Which database an installation uses: a server by its URL, or the home's own Postgres."""

from pathlib import Path
from typing import Any

import dj_database_url

from config.embedded import embedded_database

DATABASE_NAME = "segmill"
# A pooled connection is checked before use and kept this long (seconds).
CONNECTION_AGE = 60
# A server that does not answer within this many seconds is reported, not waited for.
CONNECT_TIMEOUT = 5


def database_from(url: str, home: Path) -> dict[str, Any]:
    """Django's settings for `url`, or for the embedded server of `home` when it is empty."""
    entry: dict[str, Any] = (
        {**dj_database_url.parse(url)} if url else embedded_database(home, DATABASE_NAME)
    )
    entry["CONN_MAX_AGE"] = CONNECTION_AGE
    entry["CONN_HEALTH_CHECKS"] = True
    if url:
        entry["OPTIONS"] = {"connect_timeout": CONNECT_TIMEOUT} | entry.get("OPTIONS", {})
    return entry

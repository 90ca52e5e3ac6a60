"""Database errors, explained so that people can act on them."""

import sys
from typing import TypeGuard

from django.db import DatabaseError, Error, InterfaceError, NotSupportedError, OperationalError

from segments.exceptions import DatabaseFailed

NOT_SET_UP = "The database is not set up for this version of Segmill. Run: python manage.py migrate"
# By PostgreSQL's error codes (manual, appendix A).
REMEDIES = {
    "42P01": NOT_SET_UP,  # undefined_table
    "42703": NOT_SET_UP,  # undefined_column
    "42883": NOT_SET_UP,  # undefined_function
    "53100": "The database server's disk is full. Free some space there and try again",
    "53200": "The database server is out of memory. Try again when it is less busy",
    "53300": "The database server accepts no more connections. Try again when it is less busy",
}
# First characters of the codes that end a connection: operator_intervention,
# connection_exception, idle_in_transaction_session_timeout.
ENDED = ("57P0", "08", "25P03")
# How libpq's messages begin when there is no connection.
NOT_CONNECTED = ("connection to server", "could not translate host name")
UNREACHABLE = (
    "The database does not answer. Check that it is running and that DATABASE_URL is right, or "
    "unset DATABASE_URL to use the embedded PostgreSQL"
)
TOO_OLD = "The database server is too old. Use PostgreSQL 15 or newer"
LOST = "The connection to the database was lost. Check that it is running and try again"
FAILED = "The database failed. Try again"


def broker_errors() -> tuple[type[Exception], ...]:
    """What a broker that is away for a while raises.

    Nothing if its client was never loaded: that takes a tenth of the time a command needs to start.
    """
    client = sys.modules.get("redis.exceptions")
    return (client.RedisError,) if client else ()


def outages() -> tuple[type[Exception], ...]:
    """What a database, a broker or a storage that is away for a while raises."""
    return (Error, OSError, *broker_errors())


class DatabaseUnavailable(OperationalError):
    """No server, for a reason known to the code that starts it: the text says what to do."""


def explained(error: Error) -> DatabaseFailed:
    """`error` with a remedy and the server's own message."""
    if isinstance(error, DatabaseUnavailable):
        return DatabaseFailed(str(error))
    said = " ".join(str(error).split())
    what = REMEDIES.get(_code(error)) or _trouble(error, said)
    return DatabaseFailed(f"{what} ({said.removesuffix('.')}).")


def is_expected(error: Exception) -> TypeGuard[Error]:
    """Whether the server or a missing migration is the cause, rather than a bug of ours."""
    if not isinstance(error, Error):
        return False
    is_the_servers = isinstance(error, OperationalError | NotSupportedError) or is_lost(error)
    return is_the_servers or _code(error) in REMEDIES


def is_lost(error: Exception) -> bool:
    """Whether the connection broke or could not be made."""
    if not isinstance(error, Error):
        return False
    if code := _code(error):
        return code.startswith(ENDED)
    # Without a server the error has no code, and sometimes no specific class.
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError


def _trouble(error: Error, said: str) -> str:
    if isinstance(error, NotSupportedError):
        return TOO_OLD
    if said.startswith(NOT_CONNECTED):
        return UNREACHABLE
    return LOST if is_lost(error) else FAILED


def _code(error: Error) -> str:
    """PostgreSQL's error code; empty if the error comes from the driver itself."""
    return getattr(error.__cause__, "pgcode", None) or ""

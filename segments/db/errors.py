"""What went wrong with the database, in words a person can act on."""

from typing import TypeGuard

from django.db import DatabaseError, Error, InterfaceError, NotSupportedError, OperationalError

from segments.exceptions import DatabaseFailed

NOT_SET_UP = "The database is not set up for this version of Segmill. Run: python manage.py migrate"
# By PostgreSQL's error codes (manual, appendix A).
REMEDIES = {
    "42P01": NOT_SET_UP,  # undefined_table
    "42703": NOT_SET_UP,  # undefined_column
    "42883": NOT_SET_UP,  # undefined_function
    "53100": "The database server's disk is full. Make room there and try again",
    "53200": "The database server is out of memory. Try again when it is less busy",
    "53300": "The database server takes no more connections. Try again when it is less busy",
}
# How codes begin of a server that is being stopped, or that ends one connection: operator_
# intervention, connection_exception, idle_in_transaction_session_timeout.
ENDED = ("57P0", "08", "25P03")
# How libpq begins when there is no connection at all.
NOT_CONNECTED = ("connection to server", "could not translate host name")
UNREACHABLE = (
    "The database does not answer. Check that it runs and that DATABASE_URL is right, or unset "
    "DATABASE_URL to use the embedded PostgreSQL"
)
TOO_OLD = "The database server is too old. Use PostgreSQL 15 or newer"
LOST = "The connection to the database was lost. Check that it runs and try again"
FAILED = "The database failed on the way. Try again"


class DatabaseUnavailable(OperationalError):
    """No server, for a reason that whoever was to start it knows: the text says what to do."""


def explained(error: Error) -> DatabaseFailed:
    """`error` with what to do about it, and what the server said."""
    if isinstance(error, DatabaseUnavailable):
        return DatabaseFailed(str(error))
    said = " ".join(str(error).split())
    what = REMEDIES.get(_code(error)) or _trouble(error, said)
    return DatabaseFailed(f"{what} ({said.removesuffix('.')}).")


def is_expected(error: Exception) -> TypeGuard[Error]:
    """Whether it is the server's trouble, or the missing migration, rather than our mistake."""
    if not isinstance(error, Error):
        return False
    is_the_servers = isinstance(error, OperationalError | NotSupportedError) or is_lost(error)
    return is_the_servers or _code(error) in REMEDIES


def is_lost(error: Exception) -> bool:
    """Whether the connection broke, or there was none to be had."""
    if not isinstance(error, Error):
        return False
    if code := _code(error):
        return code.startswith(ENDED)
    # Without a server there is nobody to give it a code, and at times no class either.
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError


def _trouble(error: Error, said: str) -> str:
    if isinstance(error, NotSupportedError):
        return TOO_OLD
    if said.startswith(NOT_CONNECTED):
        return UNREACHABLE
    return LOST if is_lost(error) else FAILED


def _code(error: Error) -> str:
    """PostgreSQL's code of the error; empty if it comes from the driver itself."""
    return getattr(error.__cause__, "pgcode", None) or ""

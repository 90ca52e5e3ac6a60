"""How long a transaction waits for locks, statements and the disk, and how it is planned."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg2 import errors

from segments.db import replicas

# Chunk commits hold the job's row for milliseconds, publishing for seconds or minutes.
LOCK_WAIT_SECONDS = 2


class Busy(Exception):
    """A row stayed locked by another transaction; only publishing locks rows for that long."""


def one_statement() -> AbstractContextManager[None]:
    """For a statement that reads, or several sent as one text, that may fail.

    PostgreSQL makes a transaction of what is sent as one text, so BEGIN and COMMIT would be two
    trips for nothing. In a transaction of the caller's, a savepoint keeps that one usable.
    """
    reading = replicas.connection
    is_alone = reading.get_autocommit() and not reading.in_atomic_block
    return nullcontext() if is_alone else transaction.atomic(using=reading.alias)


@contextmanager
def lock_timeout() -> Iterator[None]:
    """A transaction that waits at most `LOCK_WAIT_SECONDS` for a lock.

    Raises:
        Busy: the lock was not released in time; nothing was changed.
    """
    try:
        with transaction.atomic():
            _set_local("lock_timeout", LOCK_WAIT_SECONDS)
            yield
    except OperationalError as trouble:
        if isinstance(trouble.__cause__, errors.LockNotAvailable):
            raise Busy from trouble
        raise


def not_longer_than_the_lease() -> None:
    """Let no statement of this transaction outlive a lease taken now.

    A client that is suspended or disconnected in the middle of a COPY keeps its locks until the
    server drops it; until then no other worker can take over.
    """
    _set_local("statement_timeout", settings.SEGMILL_LEASE_SECONDS)


def not_for_the_disk() -> None:
    """Let the commit of this transaction return before it is on disk.

    For work that can be repeated at no cost: a crash of the server may lose the commit, and
    then everything after it, because commits reach the disk in order. A crash of a worker
    loses nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


@contextmanager
def planner_settings(values: Mapping[str, str]) -> Iterator[None]:
    """Plan the statements inside under `values`.

    For tables whose statistics do not describe the rows that the statements read.
    """
    _set_all(values)
    yield
    _set_all(dict.fromkeys(values, "on"))


SET_ALL = """
    SELECT set_config(name, value, true)
    FROM unnest(%s::text[], %s::text[]) AS setting (name, value)
"""


def _set_all(values: Mapping[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SET_ALL, [list(values), list(values.values())])


def _set_local(setting: str, seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, true)", [setting, f"{seconds}s"])

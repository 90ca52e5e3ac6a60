"""How long a transaction waits for locks, statements and the disk."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg2 import errors

# Chunk commits hold the job's row for milliseconds, publishing for seconds or minutes.
LOCK_WAIT_SECONDS = 2


class Busy(Exception):
    """A row stayed locked by another transaction; only publishing locks rows for that long."""


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

    A client that is stopped or disconnected in the middle of a COPY keeps its locks until the
    server gives up on it; until then nobody else can take over the work.
    """
    _set_local("statement_timeout", settings.SEGMILL_LEASE_SECONDS)


def not_for_the_disk() -> None:
    """Let the commit of this transaction return before it is on disk.

    For work that can be repeated at no cost: a crash of the server may lose the commit, and
    then everything after it too, since commits reach the disk in order. A crash of a worker
    loses nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


def _set_local(setting: str, seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, true)", [setting, f"{seconds}s"])

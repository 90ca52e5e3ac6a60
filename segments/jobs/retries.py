"""Unexpected errors in claimed work: the work is put back and retried after a pause."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import Error, connection

from datasets.exceptions import SegmillError
from segments.db.errors import is_lost

logger = logging.getLogger(__name__)

# Characters kept of an unexpected error.
ERROR_CHARS = 500


@contextmanager
def put_back_on_trouble(put_back: Callable[[str, bool], None]) -> Iterator[None]:
    """Put the work back after an unexpected error, and raise the error again.

    `put_back` gets a description of the error, and whether the pause grows with each try: once
    a lost database is back, there is no reason to wait longer.
    """
    try:
        yield
    except SegmillError:
        raise
    except Exception as trouble:
        logger.warning("put back: %s", _described(trouble))
        with _if_the_database_answers():
            put_back(_described(trouble), not is_lost(trouble))
        raise


@contextmanager
def _if_the_database_answers() -> Iterator[None]:
    """For what only speeds up the next try: leases also expire without it."""
    connection.close_if_unusable_or_obsolete()
    try:
        yield
    except Error as trouble:
        logger.warning("another worker takes over once the lease has run out: %s", trouble)


def _described(trouble: Exception) -> str:
    what = " ".join(str(trouble).split())
    return f"Last error: {type(trouble).__name__}: {what}"[:ERROR_CHARS]

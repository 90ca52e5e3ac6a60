"""What an unexpected error means for work whose claim is held: another try after a pause."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import Error, connection

from datasets.exceptions import SegmillError
from segments.db.errors import is_lost

logger = logging.getLogger(__name__)

# What is kept of an error that is not the work's own.
ERROR_CHARS = 500


@contextmanager
def put_back_on_trouble(put_back: Callable[[str, bool], None]) -> Iterator[None]:
    """Give the work back after an error that is not its own, and let the error pass.

    `put_back` gets a description of the error, and whether the pause grows with each try: once
    a database that went away is back, there is nothing more to wait for.
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
    """For what speeds up the next try and can be left undone: leases run out by themselves."""
    connection.close_if_unusable_or_obsolete()
    try:
        yield
    except Error as trouble:
        logger.warning("another worker takes over once the lease has run out: %s", trouble)


def _described(trouble: Exception) -> str:
    what = " ".join(str(trouble).split())
    return f"The last time: {type(trouble).__name__}: {what}"[:ERROR_CHARS]

"""The one error of the embedded server."""

from django.db.utils import OperationalError


class EmbeddedPostgresError(OperationalError, RuntimeError):
    """The embedded server cannot be used; the message says why and what to do.

    It is also Django's `OperationalError`, so whatever copes with a database that is down
    (health checks, task queues) copes with this one.
    """

"""The database is that of this code."""

from collections.abc import Iterator

from segments.operations.doctor.check import Check, Problem
from segments.operations.health import missing_migrations

LISTED = 5


class MigrationsCheck(Check):
    """Every migration of the code is applied.

    Applying one is a decision: it may take long, and older processes may not know its tables.
    """

    name = "migrations"
    needs_tables = False

    def look(self) -> Iterator[Problem]:
        """Those that are not."""
        if missing := missing_migrations():
            more = " …" if len(missing) > LISTED else "."
            text = f"{len(missing)} are not applied: {', '.join(missing[:LISTED])}{more}"
            yield Problem(text, "Run: manage.py migrate")

    def summary(self) -> str:
        """That none is missing."""
        return "all applied"

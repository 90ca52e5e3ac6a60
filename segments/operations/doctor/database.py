"""The PostgreSQL server and its pgvector."""

from collections.abc import Iterator

from django.db import connection

from segments.extension import extension_problem, installed_version, server_problem
from segments.operations.doctor.check import Check, Problem


class DatabaseCheck(Check):
    """The server answers, and it and pgvector are new enough."""

    name = "database"
    needs_tables = False

    def look(self) -> Iterator[Problem]:
        """What is too old or missing; each says itself what to do."""
        with connection.cursor() as cursor:
            for problem in (server_problem(cursor), extension_problem(cursor)):
                if problem:
                    text, _, remedy = problem.partition(". ")
                    yield Problem(text, remedy or problem)
            if not installed_version(cursor):
                yield Problem("pgvector is not in this database.", "Run: manage.py migrate")

    def summary(self) -> str:
        """The versions."""
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            (server,) = cursor.fetchone()
            return f"PostgreSQL {server.split()[0]}, pgvector {installed_version(cursor)}"

"""Checks that a PostgreSQL server has what Segmill needs, and explains what is missing."""

from django.contrib.postgres.operations import CreateExtension
from django.db import ProgrammingError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.utils import CursorWrapper
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from psycopg2.errors import InsufficientPrivilege

from segments.exceptions import VectorExtensionMissing

# We promise 15; the tests run with 16 and with 18, the embedded one.
MINIMUM_SERVER = 15
# 0.8 brought iterative index scans; `vector` columns without a dimension are older.
MINIMUM_EXTENSION = (0, 8)
WANTED = ".".join(map(str, MINIMUM_EXTENSION))

# The version that the server can install, and the one that this database has installed.
VERSIONS = """
    SELECT default_version, installed_version FROM pg_available_extensions WHERE name = 'vector'
"""


def server_problem(cursor: CursorWrapper) -> str:
    """What is wrong with the server's version, with a remedy; empty if nothing is."""
    cursor.execute("SELECT current_setting('server_version_num')::integer / 10000")
    major = int(cursor.fetchone()[0])
    if major >= MINIMUM_SERVER:
        return ""
    return f"The server is PostgreSQL {major}; {MINIMUM_SERVER} or newer is required. Upgrade it."


def extension_problem(cursor: CursorWrapper) -> str:
    """What is wrong with the server's pgvector, with a remedy; empty if nothing is."""
    cursor.execute(VERSIONS)
    available, installed = cursor.fetchone() or (None, None)
    if available is None:
        return (
            "pgvector is not installed on the PostgreSQL server. Install it there (Debian: "
            f"postgresql-NN-pgvector, version {WANTED} or newer) and run migrate again."
        )
    if _parts(available) < MINIMUM_EXTENSION:
        return (
            f"The PostgreSQL server has pgvector {available}; {WANTED} or newer is required. "
            "Update it there and run migrate again."
        )
    if installed is not None and _parts(installed) < MINIMUM_EXTENSION:
        return (
            f"The database still uses pgvector {installed}, although the server has {available}. "
            "Run in the database: ALTER EXTENSION vector UPDATE"
        )
    return ""


def installed_version(cursor: CursorWrapper) -> str:
    """The version of pgvector in this database; empty if it is not installed."""
    cursor.execute(VERSIONS)
    _, installed = cursor.fetchone() or (None, None)
    return installed or ""


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


class RequireVectorExtension(Operation):
    """A migration step that changes nothing and fails with a remedy if pgvector is missing."""

    reversible = True

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """The models do not change."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Check the server's pgvector.

        Raises:
            VectorExtensionMissing: pgvector is not installed on the server, or too old.
        """
        with schema_editor.connection.cursor() as cursor:
            if problem := extension_problem(cursor):
                raise VectorExtensionMissing(problem)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Nothing to undo."""

    def describe(self) -> str:
        """What `migrate` prints."""
        return "Require pgvector"


class CreateVectorExtension(CreateExtension):
    """Adds pgvector to the database; on most servers only an administrator may do that."""

    def __init__(self) -> None:
        super().__init__("vector")

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Add it, unless it is already there.

        Raises:
            VectorExtensionMissing: the role of this connection may not add it.
        """
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        except ProgrammingError as trouble:
            if not isinstance(trouble.__cause__, InsufficientPrivilege):
                raise
            database = schema_editor.connection.settings_dict
            raise VectorExtensionMissing(
                f"The role “{database['USER']}” may not add pgvector to the database. Ask an "
                f"administrator of the server to run in “{database['NAME']}”: CREATE EXTENSION "
                "vector; then run migrate again."
            ) from trouble

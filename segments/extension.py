"""Refuses, in words, a PostgreSQL server that lacks what Segmill needs of pgvector."""

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from segments.exceptions import VectorExtensionMissing

# 0.8: iterative index scans, and `vector` columns without a dimension in every version before.
MINIMUM_VERSION = (0, 8)


class RequireVectorExtension(Operation):
    """A migration step that changes nothing and fails with a remedy if pgvector is not there."""

    reversible = True

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """No change of the models."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Look among the server's available extensions.

        Raises:
            VectorExtensionMissing: pgvector is not installed on the server, or too old.
        """
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
            )
            found = cursor.fetchone()
        wanted = ".".join(map(str, MINIMUM_VERSION))
        if found is None:
            raise VectorExtensionMissing(
                "The PostgreSQL server has no pgvector. Install it there (Debian: "
                f"postgresql-NN-pgvector, version {wanted} or newer) and run migrate again."
            )
        if tuple(int(part) for part in found[0].split(".")[:2]) < MINIMUM_VERSION:
            raise VectorExtensionMissing(
                f"The PostgreSQL server has pgvector {found[0]}; {wanted} or newer is needed. "
                "Update it there and run migrate again."
            )

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

"""Django's PostgreSQL backend on the embedded server, which is started when it is needed."""

import time
from contextlib import closing
from pathlib import Path
from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper as PostgresWrapper
from django.db.backends.postgresql.client import DatabaseClient as PostgresClient
from django.db.utils import DatabaseError

from config.embedded.programs import program_folder
from config.embedded.server import EmbeddedServer, server_of

# A running server may still refuse: it crashed between our check and our connection, or has no
# free slot at the moment. After three more tries its refusal is the answer.
CONNECT_ATTEMPTS = 3
SECONDS_BETWEEN_ATTEMPTS = 0.1
# Every server has it.
MAINTENANCE_DATABASE = "postgres"


class DatabaseClient(PostgresClient):
    """`manage.py dbshell` with the psql that comes with the server."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Any
    ) -> tuple[list[str], dict[str, str] | None]:
        """The command line and the environment of psql."""
        arguments, environment = super().settings_to_cmd_args_env(settings_dict, parameters)
        return [str(program_folder() / "psql"), *arguments[1:]], environment

    def runshell(self, parameters: Any) -> None:
        """Run psql until the user leaves it."""
        self.connection.ensure_connection()
        super().runshell(parameters)


class DatabaseWrapper(PostgresWrapper):
    """A connection to the embedded server; the very first one starts it."""

    client_class = DatabaseClient

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection, after starting the server and creating the database if necessary.

        Raises EmbeddedPostgresError if the server cannot be started, and the driver's own
        error if it runs but refuses this connection.
        """
        server = server_of(Path(self.settings_dict["EMBEDDED_HOME"]))
        server.join()
        try:
            return super().get_new_connection(conn_params)
        except self.Database.OperationalError:
            return self._connect_with_retries(server, conn_params)

    def _connect_with_retries(self, server: EmbeddedServer, conn_params: dict[str, Any]) -> Any:
        for attempt in range(1, CONNECT_ATTEMPTS + 1):
            server.ensure_running()
            try:
                self._ensure_database(conn_params)
                return super().get_new_connection(conn_params)
            except (DatabaseError, self.Database.OperationalError):
                if attempt == CONNECT_ATTEMPTS:
                    raise
                time.sleep(SECONDS_BETWEEN_ATTEMPTS)

    def _ensure_database(self, conn_params: dict[str, Any]) -> None:
        """Create the database in the settings; no other name is ever created here."""
        name = self.settings_dict["NAME"]
        if name != self.settings_dict["EMBEDDED_DATABASE"]:
            return
        # Not by `_nodb_cursor`: where it is refused, it tries a connection of this class instead,
        # which would come here again, and so on.
        maintenance = super().get_new_connection(conn_params | {"dbname": MAINTENANCE_DATABASE})
        maintenance.autocommit = True
        with closing(maintenance), maintenance.cursor() as cursor:
            if self._database_exists(cursor):
                return
            try:
                cursor.execute(f"CREATE DATABASE {self.ops.quote_name(name)}")
            except self.Database.Error:
                if not self._database_exists(cursor):  # another process was first
                    raise

    def _database_exists(self, cursor: Any) -> bool:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.settings_dict["NAME"]])
        return cursor.fetchone() is not None

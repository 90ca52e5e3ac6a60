"""A server that lacks something is refused by `migrate` before anything is made."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest
from django.core.checks import run_checks
from django.db import connection
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

from segments.db import pgvector
from segments.exceptions import VectorExtensionMissing
from tests import commands

pytestmark = pytest.mark.django_db

TABLES = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's own user can look into, which pytest's are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        (Path(name) / "extension").mkdir(mode=0o755)
        yield Path(name)


@pytest.fixture
def old_pgvector(folder: Path) -> Path:
    """Where a server finds a pgvector of an old version."""
    control = folder / "extension" / "vector.control"
    control.write_text("comment = 'vectors'\ndefault_version = '0.7.4'\nrelocatable = true\n")
    control.chmod(0o644)
    return folder


def extensions_in(folder: Path) -> None:
    """From now on this connection's server finds its extensions there alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('extension_control_path', %s, true)", [str(folder)])


def messages() -> list[tuple[str, str]]:
    """Id and text of each problem that `migrate` would find."""
    return [
        (problem.id or "", problem.msg)
        for problem in run_checks(databases=["default"])
        if problem.id in ("segments.E008", "segments.E009")
    ]


def test_the_server_of_the_tests_is_fine() -> None:
    assert messages() == []


def test_a_server_without_pgvector_is_refused(folder: Path) -> None:
    extensions_in(folder)

    ((code, said),) = messages()
    assert code == "segments.E009"
    assert "pgvector is not installed on the PostgreSQL server. Install it there (Debian: " in said
    assert "postgresql-NN-pgvector" in said


def test_a_server_with_an_old_pgvector_is_refused(old_pgvector: Path) -> None:
    extensions_in(old_pgvector)

    ((code, said),) = messages()
    assert code == "segments.E009"
    assert "pgvector 0.7.4; 0.8 or newer is required. Update it there" in said


def test_a_database_whose_extension_was_not_updated_is_refused() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_extension SET extversion = '0.5.1' WHERE extname = 'vector'")

    ((code, said),) = messages()
    assert code == "segments.E009"
    assert "still uses pgvector 0.5.1" in said
    assert "ALTER EXTENSION vector UPDATE" in said


def test_an_old_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pgvector, "MINIMUM_SERVER", 99)

    ((code, said),) = messages()
    assert code == "segments.E008"
    assert "The server is PostgreSQL 18; 99 or newer is required" in said


def test_the_migration_refuses_as_well(folder: Path) -> None:
    extensions_in(folder)
    step = pgvector.RequireVectorExtension()

    with (
        pytest.raises(VectorExtensionMissing, match="pgvector is not installed"),
        connection.schema_editor(atomic=False) as editor,
    ):
        step.database_forwards("segments", editor, None, None)  # type: ignore[arg-type]


@contextmanager
def new_database(setting: str = "") -> Iterator[str]:
    """An empty database on the server of the tests, by its URL."""
    to = connection.get_connection_params() | {"dbname": "postgres"}
    admin = psycopg2.connect(**to)
    admin.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    try:
        with admin.cursor() as cursor:
            cursor.execute("CREATE DATABASE bare")
            try:
                if setting:
                    cursor.execute(f"ALTER DATABASE bare SET {setting}")
                yield f"postgres://{to['user']}@{quote(to['host'], safe='')}:{to['port']}/bare"
            finally:
                cursor.execute("DROP DATABASE bare WITH (FORCE)")
    finally:
        admin.close()


def test_migrate_makes_nothing_on_a_server_without_pgvector(folder: Path) -> None:
    with new_database(f"extension_control_path = '{folder}'") as url:
        outcome = commands.run("migrate", DATABASE_URL=url)

        with psycopg2.connect(url) as bare, bare.cursor() as cursor:
            cursor.execute(TABLES)
            assert cursor.fetchone() == (0,)
        bare.close()

    assert outcome.code == 1
    assert "pgvector is not installed on the PostgreSQL server. Install it there" in outcome.stderr


@contextmanager
def ordinary_owner(url: str) -> Iterator[str]:
    """The database, by the URL of an owner of it who is no administrator of the server."""
    admin = psycopg2.connect(url)
    with admin, admin.cursor() as cursor:
        cursor.execute("CREATE ROLE ordinary LOGIN; ALTER DATABASE bare OWNER TO ordinary")
    try:
        yield url.replace("postgres://postgres@", "postgres://ordinary@")
    finally:
        with admin, admin.cursor() as cursor:
            cursor.execute("DROP OWNED BY ordinary CASCADE; ALTER DATABASE bare OWNER TO postgres")
            cursor.execute("DROP ROLE ordinary")
        admin.close()


def test_an_owner_who_may_not_add_pgvector_is_told_who_may_and_what() -> None:
    with new_database() as url, ordinary_owner(url) as by_owner:
        refused = commands.run("migrate", DATABASE_URL=by_owner)
        admin = psycopg2.connect(url)
        with admin, admin.cursor() as cursor:
            cursor.execute(refused.stderr.partition("run in “bare”: ")[2].partition(";")[0])
        admin.close()
        again = commands.run("migrate", DATABASE_URL=by_owner)

    assert refused.code == 1
    assert refused.stderr.startswith("Error: The role “ordinary” may not add pgvector")
    assert again.code == 0, again.stderr


def test_a_database_without_tables_is_told_to_migrate(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("content\nx\n")
    with new_database() as url:
        outcome = commands.run(
            *("import_segments", file, "--dataset", "d", "--document", "d", "--json"),
            DATABASE_URL=url,
        )

    assert "Run: python manage.py migrate" in outcome.report["error"]

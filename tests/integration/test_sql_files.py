"""The functions and triggers of a migrated database are those of the files in `segments/sql/`."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from segments.db import sql
from segments.db.sql import FOLDER, RunSQLFile, SQLFileNotRun, digest, read_sql

FUNCTIONS = """
    SELECT proname, pg_get_functiondef(p.oid)
    FROM pg_proc p
    WHERE pronamespace = current_schema()::regnamespace AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""
TRIGGERS = "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
TRIGGER = "triggers/import_moves_along_its_arrows.sql"


def found(query: str) -> dict[str, str]:
    """The definitions of all functions or triggers by their names; none of an extension."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return dict(cursor.fetchall())


def run(step: RunSQLFile) -> None:
    with connection.schema_editor() as editor:
        step.database_forwards("segments", editor, None, None)  # type: ignore[arg-type]


@pytest.fixture
def own_files(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of SQL files with one trigger in it."""
    (tmp_path / "triggers").mkdir()
    (tmp_path / TRIGGER).write_text(read_sql(TRIGGER))
    monkeypatch.setattr(sql, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("folder", "prefix", "query"),
    [("functions", "segments_", FUNCTIONS), ("triggers", "", TRIGGERS)],
)
def test_the_database_has_what_the_files_say_and_nothing_else(
    db: None, folder: str, prefix: str, query: str
) -> None:
    """Each file is run again, in a transaction that the test rolls back; nothing may change."""
    before = found(query)
    names = {path.stem for path in (FOLDER / folder).glob("*.sql")}

    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(read_sql(f"{folder}/{name}.sql"))

    assert before.keys() == {prefix + name for name in names}
    assert found(query) == before


def test_a_file_that_a_later_migration_runs_is_left_to_it(
    own_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = found(TRIGGERS)
    old = RunSQLFile(TRIGGER, sha256=digest(read_sql(TRIGGER)))
    changed = read_sql(TRIGGER).replace("            ('waiting', 'preparing'),\n", "")
    (own_files / TRIGGER).write_text(changed)
    new = RunSQLFile(TRIGGER, sha256=digest(changed))
    monkeypatch.setattr(sql, "_recorded_digests", lambda: {TRIGGER: new.sha256})

    run(old)
    assert found(TRIGGERS) == before

    run(new)
    assert "'waiting'" not in found(TRIGGERS)["import_moves_along_its_arrows"]


def test_what_tables_stand_on_is_there_from_the_start(
    own_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = digest(read_sql(TRIGGER))
    changed = read_sql(TRIGGER).replace("            ('waiting', 'preparing'),\n", "")
    (own_files / TRIGGER).write_text(changed)
    monkeypatch.setattr(sql, "_recorded_digests", lambda: {TRIGGER: digest(changed)})

    run(RunSQLFile(TRIGGER, sha256=old, needed=True))

    assert "'waiting'" not in found(TRIGGERS)["import_moves_along_its_arrows"]


def test_a_file_that_changed_without_a_migration_is_not_run(own_files: Path) -> None:
    step = RunSQLFile(TRIGGER, sha256=digest(read_sql(TRIGGER)))
    (own_files / TRIGGER).write_text(read_sql(TRIGGER) + "-- changed\n")

    with pytest.raises(SQLFileNotRun, match="has changed since a migration last ran it"):
        run(step)


def test_migrations_can_be_reversed(db: None) -> None:
    """Functions and triggers go, and come back; in a transaction that the test rolls back."""
    functions, triggers = found(FUNCTIONS), found(TRIGGERS)

    call_command("migrate", "segments", "zero", verbosity=0)
    assert found(FUNCTIONS) == found(TRIGGERS) == {}

    call_command("migrate", "segments", verbosity=0)
    assert (found(FUNCTIONS), found(TRIGGERS)) == (functions, triggers)

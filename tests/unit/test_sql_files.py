"""No file of `segments/sql/` is new or changed without a migration that runs it."""

import re
from pathlib import Path

import pytest

from segments.db import sql
from segments.db.sql import FOLDER, RunSQLFile, digest, problems, read_sql

NAME = "triggers/import_moves_along_its_arrows.sql"
KINDS = {"functions": "FUNCTION segments_", "triggers": "TRIGGER "}
FILES = sorted(FOLDER.rglob("*.sql"))


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of SQL files, for a test to change."""
    for path in FILES:
        target = tmp_path / path.relative_to(FOLDER)
        target.parent.mkdir(exist_ok=True)
        target.write_text(path.read_text())
    monkeypatch.setattr(sql, "FOLDER", tmp_path)
    return tmp_path


def test_every_file_is_run_as_it_is() -> None:
    assert FILES
    assert problems() == []


def test_a_changed_file_needs_a_migration(copy: Path) -> None:
    changed = read_sql(NAME).replace("'cancelled'", "'given up'")
    (copy / NAME).write_text(changed)

    assert problems() == [
        f"segments/sql/{NAME} has changed since a migration last ran it. Add a migration of "
        f'segments with the operation RunSQLFile("{NAME}", sha256="{digest(changed)}"); leave '
        "older migrations as they are."
    ]


def test_a_new_file_needs_a_migration(copy: Path) -> None:
    (copy / "functions" / "new.sql").write_text("SELECT 1")

    (problem,) = problems()

    assert problem.startswith("segments/sql/functions/new.sql is run by no migration. Add")


def test_a_migration_that_names_no_file_is_not_even_loaded() -> None:
    with pytest.raises(FileNotFoundError):
        RunSQLFile("functions/gone.sql", sha256="")


def test_a_step_is_written_as_it_was_read() -> None:
    step = RunSQLFile(NAME, sha256=digest(read_sql(NAME)), undo="DROP", needed=True)

    name, arguments, options = step.deconstruct()

    assert name == "RunSQLFile"
    assert vars(RunSQLFile(*arguments, **options)) == vars(step)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_says_what_it_promises_and_makes_what_it_is_named_for(path: Path) -> None:
    found = re.fullmatch(r"((?:--[^\n]*\n)+)([^-].*)\n", path.read_text(), re.DOTALL)
    assert found
    promise, statement = found.groups()

    assert promise.strip("- \n")
    if kind := KINDS.get(path.parent.name):
        assert statement.startswith(f"CREATE OR REPLACE {kind}{path.stem}")
        assert statement.count("CREATE ") == 1

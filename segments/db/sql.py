"""Runs the files of `segments/sql/`: functions, triggers, and what the ORM cannot express.

Each file is one statement (or a few of one kind) under a comment on what it promises. A migration
runs a file and records its SHA-256, so a file cannot change without a migration that runs it
again. A file in `functions/` is named after its function, without `segments_`, and a file in
`triggers/` after its trigger. A function with other parameters is another function: the migration
drops the old one first.
"""

from hashlib import sha256 as hash_of
from pathlib import Path
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RunSQL
from django.db.migrations.state import ProjectState

FOLDER = Path(__file__).resolve().parent.parent / "sql"


class SQLFileNotRun(Exception):
    """A file of `segments/sql/` differs from what the migrations run; the text says what to do."""


def read_sql(name: str) -> str:
    """The text of a file, given its path inside `segments/sql/`."""
    return (FOLDER / name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """The digest that a migration records of the text it runs."""
    return hash_of(text.encode()).hexdigest()


class RunSQLFile(RunSQL):
    """A migration step that runs a file of `segments/sql/`.

    If the file has changed since, a later migration runs it and this step does nothing: the
    current text may need tables that do not exist yet. `needed` is for files that the tables
    themselves depend on: they are run here in any case. Without `undo` the step cannot be
    reversed; an empty `undo` reverses it without a change.
    """

    def __init__(
        self, name: str, *, sha256: str, undo: str | None = None, needed: bool = False
    ) -> None:
        super().__init__(read_sql(name), undo)
        self.name = name
        self.sha256 = sha256
        self.undo = undo
        self.needed = needed

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """The arguments a migration file is written with."""
        options = {"sha256": self.sha256, "undo": self.undo, "needed": self.needed}
        return type(self).__name__, [self.name], options

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Run the file, unless a later migration does.

        Raises:
            SQLFileNotRun: the file has changed, and no migration runs its current text.
        """
        has_changed = digest(read_sql(self.name)) != self.sha256
        if has_changed and (problem := _problem(self.name, _recorded_digests()[self.name])):
            raise SQLFileNotRun(problem)
        if self.needed or not has_changed:
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        """What `migrate` prints."""
        return f"Run {self.name}"


def problems() -> list[str]:
    """For each file whose current text no migration runs: what to do."""
    recorded = _recorded_digests()
    names = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.sql"))
    return [problem for name in names if (problem := _problem(name, recorded.get(name, "")))]


def _problem(name: str, recorded: str) -> str:
    current = digest(read_sql(name))
    if current == recorded:
        return ""
    trouble = "has changed since a migration last ran it" if recorded else "is run by no migration"
    return (
        f"segments/sql/{name} {trouble}. Add a migration of segments with the operation "
        f'RunSQLFile("{name}", sha256="{current}"); leave older migrations as they are.'
    )


def _recorded_digests() -> dict[str, str]:
    """The digest that the last migration running a file recorded, by the file's name."""
    graph = MigrationLoader(None).graph
    plan = [key for leaf in graph.leaf_nodes("segments") for key in graph.forwards_plan(leaf)]
    operations = [operation for key in plan for operation in graph.nodes[key].operations]
    return {step.name: step.sha256 for step in operations if isinstance(step, RunSQLFile)}

"""What the database holds, for tests that say: nothing changed."""

from django.core.files.storage import default_storage
from django.db import connection
from django.db.backends.utils import CursorWrapper

from segments.uploads import FOLDER

# The history of imports may grow: it is where a failure is told, and counted.
HISTORY = {
    "segments_deletedjob",
    "segments_importjob",
    "segments_progresssample",
    "segments_rowerror",
}

Snapshot = dict[str, tuple[int, str | None]]


def snapshot() -> Snapshot:
    """The number of rows and a digest of all of them, for each of our tables but the history.

    The uploaded files that are kept count as a table.
    """
    with connection.cursor() as cursor:
        tables = {table: _digest(cursor, table) for table in _tables(cursor)}
    files = stored_files()
    return tables | {"files": (len(files), " ".join(files))}


def stored_files() -> list[str]:
    """The names of the uploaded files that are kept."""
    return sorted(default_storage.listdir(FOLDER)[1]) if default_storage.exists(FOLDER) else []


def _tables(cursor: CursorWrapper) -> list[str]:
    tables = connection.introspection.table_names(cursor)
    return [t for t in tables if t.startswith(("datasets_", "segments_")) and t not in HISTORY]


def _digest(cursor: CursorWrapper, table: str) -> tuple[int, str | None]:
    cursor.execute(
        f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM \"{table}\" t"
    )
    rows, digest = cursor.fetchone()
    return rows, digest

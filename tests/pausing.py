"""Stops, or fails, whoever writes a certain row in the middle of the statement."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2
from django.db import connection
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, cursor

LOCK = 20_251_122
WAIT_SECONDS = 60

INSTALL = """
    CREATE FUNCTION test_pause() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared({lock});
        RETURN NEW;
    END
    $$;
    CREATE TRIGGER test_pause BEFORE INSERT ON {table}
        FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION test_pause();
"""
REMOVE = "DROP TRIGGER test_pause ON {table}; DROP FUNCTION test_pause();"
WAITING = """
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND objid = %(lock)s AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
BLOCKED = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event <> 'advisory'
"""

# The row at which each phase is stopped, in the middle of a chunk and of the publishing insert.
PHASES = {
    "preparing": ("segments_stagedrow", 'NEW."row" = 6'),
    "embedding": ("segments_stagedvector", 'NEW."row" = 6'),
    "publishing": ("segments_documentsegment", "NEW.content LIKE '%row 6%'"),
}


FAIL = """
    CREATE FUNCTION test_pause() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'could not extend file: No space left on device'
            USING ERRCODE = 'disk_full';
    END
    $$;
    CREATE TRIGGER test_pause BEFORE INSERT ON {table}
        FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION test_pause();
"""


@dataclass(frozen=True, slots=True)
class Pause:
    """A place where writers stop."""

    cursor: cursor

    def wait_for_writer(self) -> int:
        """The backend that has come to the place."""
        return self._wait_for(WAITING)

    def _wait_for(self, query: str) -> int:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            self.cursor.execute(query, {"lock": LOCK})
            if found := self.cursor.fetchone():
                pid: int = found[0]
                return pid
            assert time.monotonic() < deadline, "nobody came"
            time.sleep(0.01)

    def wait_for_others(self) -> None:
        """Until somebody waits for what the writer holds."""
        self._wait_for(BLOCKED)

    def terminate_writer(self) -> None:
        """Cut the connection of the backend that has come to the place."""
        self.cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [self.wait_for_writer()])

    def let_go(self) -> None:
        """Nobody stops here any more."""
        self.cursor.execute("SELECT pg_advisory_unlock_all()")


@contextmanager
def pause(phase: str) -> Iterator[Pause]:
    """Whoever is in `phase` stops in the middle of it."""
    with _trigger(INSTALL, phase) as sql:
        sql.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        place = Pause(sql)
        try:
            yield place
        finally:
            place.let_go()


@contextmanager
def disk_full(phase: str) -> Iterator[None]:
    """PostgreSQL answers in the middle of `phase` as it does when its disk is full."""
    with _trigger(FAIL, phase):
        yield


@contextmanager
def _trigger(statement: str, phase: str) -> Iterator[cursor]:
    """A connection of our own, with a trigger installed meanwhile."""
    table, condition = PHASES[phase]
    ours = psycopg2.connect(**connection.get_connection_params())
    ours.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    try:
        with ours.cursor() as sql:
            sql.execute(statement.format(lock=LOCK, table=table, condition=condition))
            try:
                yield sql
            finally:
                sql.execute(REMOVE.format(table=table))
    finally:
        ours.close()

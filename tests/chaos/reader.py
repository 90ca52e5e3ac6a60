"""A reader that watches documents all the time, and notes half-visible imports and standstills.

Each look is one statement, and so one snapshot of the database.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import Error, connection, connections

LOOK_SECONDS = 0.1
FINAL = ("completed", "failed", "cancelled")

# For each import into the documents: what is visible of it, and what changes as it progresses.
LOOK = """
    SELECT j.id::text, j.status, j.undone_at IS NOT NULL, j.rows_staged, j.rows_created,
           (SELECT count(*) FROM segments_documentsegment s WHERE s.import_job_id = j.id),
           j.revision, chunks.epochs, chunks.done
    FROM segments_importjob j
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(epoch), 0), count(*) FILTER (WHERE status = 'done')
        FROM segments_chunk c WHERE c.job_id = j.id) AS chunks (epochs, done)
    WHERE j.document_id = ANY(%(documents)s::uuid[])
    UNION ALL
    SELECT d.id::text, 'document', false, d.segment_count, d.word_count,
           (SELECT count(*) FROM segments_documentsegment s WHERE s.document_id = d.id),
           (SELECT coalesce(sum(word_count), 0) FROM segments_documentsegment s
            WHERE s.document_id = d.id), 0, 0
    FROM datasets_document d WHERE d.id = ANY(%(documents)s::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Gap:
    """A period in which an import made no progress."""

    job_id: str
    began: float
    ended: float
    status: str = ""


@dataclass(slots=True)
class _Seen:
    at: float
    mark: tuple[object, ...]


@dataclass(slots=True)
class Sightings:
    """What the reader has seen."""

    looks: int = 0
    half_visible: list[str] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


class Reader(threading.Thread):
    """Looks at `documents()` ten times a second."""

    def __init__(self, documents: Callable[[], list[str]]) -> None:
        super().__init__(name="reader")
        self._documents, self._stopping = documents, threading.Event()
        self._seen: dict[str, _Seen] = {}
        self.sightings = Sightings()
        self.last_move = 0.0
        """When any import last made progress."""

    def run(self) -> None:
        """Look until told to stop; if the database is down, try again."""
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self._look()
            except Error:
                connections.close_all()
        connections.close_all()

    def stop(self) -> None:
        """Stop looking."""
        self._stopping.set()
        self.join()

    def _look(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(LOOK, {"documents": self._documents()})
            found = cursor.fetchall()
        now = time.monotonic()
        self.sightings.looks += 1
        for key, status, is_undone, *numbers in found:
            if status == "document":
                self._check_totals(key, numbers)
            else:
                self._check_rows(key, status, is_undone, numbers)
                self._note_move(key, now, (status, *numbers[4:]))

    def _check_totals(self, key: str, numbers: list[int]) -> None:
        told_rows, told_words, rows, words = numbers[:4]
        if (told_rows, told_words) != (rows, words):
            self.sightings.half_visible.append(
                f"document {key}: {rows} rows and {words} characters, but its totals say "
                f"{told_rows} and {told_words}"
            )

    def _check_rows(self, key: str, status: str, is_undone: bool, numbers: list[int]) -> None:
        staged, created, rows = numbers[:3]
        expected = staged if status == "completed" and not is_undone else 0
        if rows != expected or (expected and created != staged):
            self.sightings.half_visible.append(f"import {key}: {status}, {rows} of {staged} rows")

    def _note_move(self, key: str, now: float, mark: tuple[object, ...]) -> None:
        seen = self._seen.get(key)
        if seen is None:
            self._seen[key] = _Seen(now, mark)
        elif mark != seen.mark:
            self.sightings.gaps.append(Gap(key, seen.at, now, str(seen.mark[0])))
            self.last_move = now
            self._seen[key] = _Seen(now, mark)
        elif mark[0] in FINAL:
            seen.at = now

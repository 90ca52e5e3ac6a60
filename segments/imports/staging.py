"""CountedRow ─stage─► StagedRow: binary COPY into PostgreSQL, chunk by chunk, in a thread."""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

import uuid_utils
import uuid_utils.compat
from django.db import connection, connections, transaction
from django.db.models import Max, Min, Sum

from segments.db import binary_copy as pack
from segments.db.transactions import not_for_the_disk, not_longer_than_the_lease
from segments.files.types import CountedRow, ParentRow, RowProblem, shown
from segments.languages.analysis import index_text, text_of
from segments.models import Chunk, StagedMatch, StagedParent, StagedRow, StagedVector

COLUMNS = (
    "job_id",
    "row",
    "line",
    "segment_id",
    "content",
    "answer",
    "word_count",
    "tokens",
    "keywords",
    "external_id",
    "metadata",
    "enabled",
    "known_id",
    "content_hash",
    "text_search_config",
    "search_text",
)

STAGED = (StagedRow, StagedParent, StagedMatch, StagedVector)

DUPLICATE_IDS = """
    SELECT line, external_id, first_line
    FROM (
        SELECT line, external_id, first_value(line) OVER same AS first_line,
               row_number() OVER same AS occurrence
        FROM segments_stagedrow
        WHERE job_id = %(job)s AND external_id IS NOT NULL
        WINDOW same AS (PARTITION BY external_id ORDER BY "row")
    ) AS ids
    WHERE occurrence > 1
    ORDER BY line
"""

SAME_TEXT = """
    hashtextextended(d.index_node_hash, 0) = hashtextextended(s.content_hash, 0)
        AND d.index_node_hash = s.content_hash
"""
"""Whether segment `d` and staged row `s` are of one text.

The index of texts is by a key of their hashes (`TextKey`), which a statement has to name.
"""

KNOWN_IDS = """
    SELECT s.line, s.external_id, d.position
    FROM segments_stagedrow s
    JOIN segments_documentsegment d
        ON d.document_id = %(document)s AND d.external_id = s.external_id
    WHERE s.job_id = %(job)s
    ORDER BY s.line
"""

REPEATED = """
    SELECT line, first_line
    FROM (
        SELECT line, first_value(line) OVER same AS first_line,
               row_number() OVER same AS occurrence
        FROM segments_stagedrow
        WHERE job_id = %(job)s
        WINDOW same AS (PARTITION BY content_hash, answer ORDER BY "row")
    ) AS texts
    WHERE occurrence > 1
    ORDER BY line
    LIMIT %(most)s
"""

# A dry run holds this lock while it lives; if another process gets it, the run is gone.
VISIT_LOCK = "SELECT pg_advisory_lock(hashtextextended(%(visit)s::text, 0))"
VISIT_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended(%(visit)s::text, 0))"

# Each id is found by one step through the index, however many rows are staged.
OWNERLESS = """
    WITH RECURSIVE owner (id) AS (
        (SELECT job_id FROM {table} ORDER BY job_id LIMIT 1)
        UNION ALL
        SELECT (SELECT job_id FROM {table} WHERE job_id > owner.id ORDER BY job_id LIMIT 1)
        FROM owner WHERE owner.id IS NOT NULL
    )
    SELECT owner.id
    FROM owner LEFT JOIN segments_importjob j USING (id)
    WHERE owner.id IS NOT NULL AND CASE
        WHEN j.id IS NULL
            THEN pg_try_advisory_xact_lock(hashtextextended(owner.id::text, 0))
        ELSE j.finished_at IS NOT NULL
    END
"""


@dataclass(frozen=True, slots=True)
class FullText:
    """How full-text entries are made: the text search configuration and the language."""

    config: str
    language: str


def pack_chunk(job_id: UUID, first: int, rows: Sequence[CountedRow], full_text: FullText) -> bytes:
    """`rows` as COPY wants them, numbered from `first`."""
    job, config = pack.pack_uuid(job_id), pack.pack_text(full_text.config)
    return b"".join(
        _packed_row(job, number, row, config, full_text.language)
        for number, row in enumerate(rows, first)
    )


def _packed_row(job: bytes, number: int, row: CountedRow, config: bytes, language: str) -> bytes:
    segment = row.segment
    return pack.pack_tuple(
        job,
        pack.pack_int(number),
        pack.pack_int(segment.line),
        # Time-ordered (RFC 9562, version 7), so that the primary key grows at its end.
        pack.pack_uuid(uuid_utils.uuid7()),
        pack.pack_text(segment.content),
        pack.pack_text(segment.answer),
        pack.pack_int(len(segment.content) + len(segment.answer or "")),
        pack.pack_int(row.tokens),
        pack.pack_texts(segment.keywords),
        pack.pack_text(segment.external_id),
        pack.pack_json(segment.metadata),
        pack.pack_bool(segment.enabled),
        pack.NULL if segment.segment_id is None else pack.pack_uuid(segment.segment_id),
        pack.pack_text(row.content_hash),
        config,
        pack.pack_text(index_text(text_of(segment.content, segment.answer), language)),
    )


def stage(packed_rows: bytes) -> None:
    """Copy packed rows in; the caller's transaction decides whether they stay."""
    if not packed_rows:
        return
    with connection.cursor() as cursor:
        pack.copy_binary(cursor, StagedRow._meta.db_table, COLUMNS, packed_rows)


@contextmanager
def visit() -> Iterator[UUID]:
    """An id to stage rows under for a moment, without a job; they are cleared at its end.

    Until then the visit counts as alive, as long as this thread's connection does.
    """
    visit_id = uuid4()
    _run(VISIT_LOCK, visit=visit_id)
    try:
        yield visit_id
    finally:
        clear(visit_id)
        _run(VISIT_UNLOCK, visit=visit_id)


def ownerless() -> set[UUID]:
    """The ids that rows are staged under and that no open import and no visit stands for."""
    tables = [model._meta.db_table for model in STAGED]
    return {owner for table in tables for (owner,) in _fetch(OWNERLESS.format(table=table))}


def clear(job_id: UUID) -> None:
    """Remove all that is staged for a job.

    Chunks first: that waits for workers storing vectors, and shuts out later ones.
    """
    for model in (Chunk, *reversed(STAGED)):
        model.objects.filter(job_id=job_id)._raw_delete("default")


def lines_of(job_id: UUID, first_row: int, last_row: int) -> tuple[int, int]:
    """The first and the last line of the file that staged rows stand on."""
    rows = StagedRow.objects.filter(job_id=job_id, row__range=(first_row, last_row))
    lines = rows.aggregate(first=Min("line"), last=Max("line"))
    return lines["first"], lines["last"]


def duplicate_ids(job_id: UUID) -> list[RowProblem]:
    """The rows whose external id an earlier row of the file has already."""
    reason = "The same external id stands in line {} already. Give every row its own."
    return [
        _id_problem(line, external_id, reason.format(first))
        for line, external_id, first in _fetch(DUPLICATE_IDS, job=job_id)
    ]


def known_ids(job_id: UUID, document_id: UUID) -> list[RowProblem]:
    """The rows whose external id a segment of the document has already."""
    reason = "Segment {} of the document has this external id already. Remove the row."
    return [
        _id_problem(line, external_id, reason.format(position))
        for line, external_id, position in _fetch(KNOWN_IDS, job=job_id, document=document_id)
    ]


def repeated_rows(job_id: UUID, most: int) -> list[tuple[int, int]]:
    """The first rows that say what an earlier row says: their line and that one's."""
    return [(line, first) for line, first in _fetch(REPEATED, job=job_id, most=most)]


def drop_lines(job_id: UUID, lines: Collection[int]) -> tuple[int, int]:
    """Take rows out of the staging again; how many they were, and their tokens."""
    rows = StagedRow.objects.filter(job_id=job_id, line__in=lines)
    tokens = rows.aggregate(tokens=Sum("tokens"))["tokens"] or 0
    return rows.delete()[0], tokens


def _id_problem(line: int, external_id: str, reason: str) -> RowProblem:
    return RowProblem(line, "external_id", shown(external_id), "duplicate_external_id", reason)


def _run(statement: str, **parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def _fetch(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


# Chunks that may wait for Postgres: one under way and one ready. More would only take memory.
CHUNKS_AHEAD = 2


@dataclass(slots=True)
class Chunkful:
    """Rows and problems stored in one transaction; the good rows become chunk `ordinal`."""

    ordinal: int
    first_row: int
    rows: list[CountedRow] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Rows and problems together."""
        return len(self.rows) + len(self.problems)

    @property
    def last_row(self) -> int:
        """The number of the last good row."""
        return self.first_row + len(self.rows) - 1


class StagingWriter:
    """Stores chunks in their order, each in a transaction of its own, in one other thread.

    A failure of the thread is raised by the next `put`, or at the end of the `with` block.
    """

    def __init__(self, job_id: UUID, full_text: FullText) -> None:
        self._job_id, self._full_text = job_id, full_text
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="staging")
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait until all is stored; after an error in the block, drop what has not begun."""
        try:
            while self._waiting and error is None:
                self._waiting.popleft().result()
        finally:
            for future in self._waiting:
                future.cancel()
            # The thread has its own connection, which nothing else would close.
            self._pool.submit(connections.close_all)
            self._pool.shutdown(wait=True)

    def put(self, chunk: Chunkful, fence: Callable[[], None]) -> None:
        """Hand a chunk over; waits while too many are on their way already."""
        if len(self._waiting) >= CHUNKS_AHEAD:
            self._waiting.popleft().result()
        packed = pack_chunk(self._job_id, chunk.first_row, chunk.rows, self._full_text)
        parents = [_parent(self._job_id, row.parent) for row in chunk.rows if row.parent]
        self._waiting.append(self._pool.submit(copy_context().run, _store, packed, parents, fence))


@transaction.atomic
def _store(packed: bytes, parents: list[StagedParent], fence: Callable[[], None]) -> None:
    not_longer_than_the_lease()
    not_for_the_disk()
    fence()
    stage(packed)
    if parents:
        StagedParent.objects.bulk_create(parents)


def _parent(job_id: UUID, row: ParentRow) -> StagedParent:
    passage = row.segment
    return StagedParent(
        job_id=job_id,
        first_row=row.first_row,
        last_row=row.last_row,
        segment_id=uuid_utils.compat.uuid7(),
        content=passage.content,
        tokens=row.tokens,
        keywords=passage.keywords,
        external_id=passage.external_id,
        metadata=dict(passage.metadata),
        enabled=passage.enabled,
        content_hash=row.content_hash,
    )

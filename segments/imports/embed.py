"""Staged rows ─reuse known vectors, embed the rest─► staged vectors, one chunk at a time.

No transaction is open while the model runs. A chunk that is done is a checkpoint: it is never
embedded again, whatever happens later. What an unfinished one got is kept too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic, perf_counter
from typing import NamedTuple
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from segments.db.binary_copy import copy_binary, pack_vectors
from segments.db.transactions import not_for_the_disk
from segments.embedding import Embedder, Part, Usage, Vectors, embed_all
from segments.exceptions import EmbeddingUnavailable
from segments.files.options import OnError
from segments.files.types import RowProblem, shown
from segments.imports import chunks, row_errors
from segments.imports.chunks import ChunkClaim
from segments.imports.staging import SAME_TEXT
from segments.models import ImportJob, StagedVector


class StagedText(NamedTuple):
    """A staged row as far as embedding it goes."""

    row: int
    line: int
    content: str
    content_hash: str


class RefusedText(NamedTuple):
    """A text that the model does not take, and why."""

    text: StagedText
    reason: str


class ChunkVectors:
    """What the model gives for some texts; equal ones are asked for once."""

    def __init__(self, texts: Sequence[StagedText], dimensions: int) -> None:
        self._texts = texts
        self._unique = list({text.content_hash: text.content for text in texts}.items())
        place = {content_hash: number for number, (content_hash, _) in enumerate(self._unique)}
        self._places = np.array([place[text.content_hash] for text in texts], np.intp)
        self._vectors = np.empty((len(self._unique), dimensions), np.float32)
        self._is_known = np.zeros(len(self._unique), bool)
        self._refused: dict[int, str] = {}
        self.usage = Usage()

    def gather(self, embedder: Embedder, pulse: Callable[[], None], tenant_id: UUID) -> None:
        """Ask for all of them; what has come by the time of an error stays."""
        contents = [content for _, content in self._unique]
        for part in embed_all(embedder, contents, pulse, tenant_id):
            self._add(part)

    def _add(self, part: Part) -> None:
        places = list(part.places)
        self._vectors[places] = part.vectors
        self._is_known[places] = True
        self._refused |= part.refused
        self.usage += part.usage

    def rows(self) -> tuple[list[int], Vectors]:
        """The rows that have a vector now, and their vectors."""
        is_known = self._is_known[self._places]
        numbers = np.array([text.row for text in self._texts], np.int64)
        return numbers[is_known].tolist(), self._vectors[self._places[is_known]]

    def refused(self) -> list[RefusedText]:
        """The texts that the model does not take, in the order of their rows."""
        if not self._refused:
            return []
        pairs = zip(self._texts, self._places.tolist(), strict=True)
        return [
            RefusedText(text, self._refused[place])
            for text, place in pairs
            if place in self._refused
        ]


RENEWALS_PER_LEASE = 4

REUSE = f"""
    INSERT INTO segments_stagedvector (job_id, "row", embedding)
    SELECT s.job_id, s."row", known.embedding
    FROM segments_stagedrow s
    CROSS JOIN LATERAL (
        SELECT d.embedding FROM segments_documentsegment d
        WHERE d.dataset_id = %(dataset)s AND {SAME_TEXT}
            AND vector_dims(d.embedding) = %(dimensions)s
        LIMIT 1
    ) AS known
    WHERE s.job_id = %(job)s AND s."row" BETWEEN %(first)s AND %(last)s AND s."row" NOT IN (
        SELECT m."row" FROM segments_stagedmatch m
        WHERE m.job_id = %(job)s AND m."row" BETWEEN %(first)s AND %(last)s AND NOT m.needs_vector)
    ON CONFLICT (job_id, "row") DO NOTHING
"""

# NOT IN, not a join: the planner's statistics know nothing of rows staged a moment ago. It would
# expect one and join by nested loops, each row of the chunk with each row done so far.
WITHOUT_VECTOR = """
    SELECT s."row", s.line, s.content, s.content_hash
    FROM segments_stagedrow s
    WHERE s.job_id = %(job)s AND s."row" BETWEEN %(first)s AND %(last)s AND s."row" NOT IN (
        SELECT v."row" FROM segments_stagedvector v
        WHERE v.job_id = %(job)s AND v."row" BETWEEN %(first)s AND %(last)s
        UNION ALL
        SELECT m."row" FROM segments_stagedmatch m
        WHERE m.job_id = %(job)s AND m."row" BETWEEN %(first)s AND %(last)s AND NOT m.needs_vector)
    ORDER BY s."row"
"""


@dataclass(frozen=True, slots=True)
class EmbeddedChunk:
    """What was done for a chunk: texts embedded, vectors reused, texts the model refused."""

    embedded: int
    reused: int
    problems: list[RowProblem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """Whose vectors may be reused, and whose turn it is at the model."""

    dataset_id: UUID
    tenant_id: UUID


class _Stopped(Exception):
    """Somebody else's trouble ends this work too."""


def embed_chunk(
    claim: ChunkClaim,
    place: Place,
    embedder: Embedder,
    stop: Callable[[], bool],
    on_error: str = OnError.ABORT,
) -> EmbeddedChunk | None:
    """Give every row of the chunk its vector and finish the chunk; None if told to stop.

    Rows whose text the model refuses are dropped and noted. With `on_error` abort they stay,
    the chunk is not finished, and it is for the caller to end the import with it.

    Raises:
        ImportCancelled, ClaimLost: the claim does not hold any more; nothing was changed.
        EmbeddingUnavailable: the model does not answer; what it gave before is kept.
        EmbeddingFailed: the model cannot be used.
    """
    began = perf_counter()
    _reuse(claim, place.dataset_id, embedder.dimensions)
    harvest = ChunkVectors(_texts_without_vector(claim), embedder.dimensions)
    try:
        harvest.gather(embedder, _Pulse(claim, stop), place.tenant_id)
    except _Stopped:
        _keep(claim, harvest)
        return None
    except EmbeddingUnavailable:
        _keep(claim, harvest)
        raise
    finally:
        _count_usage(claim.job_id, harvest.usage)
    refused = harvest.refused()
    if refused and on_error == OnError.ABORT:
        return EmbeddedChunk(0, 0, [_problem(text) for text in refused])
    return _finish(claim, harvest, refused, perf_counter() - began)


class _Pulse:
    """Looks whether to go on, and keeps the chunk's lease meanwhile."""

    def __init__(self, claim: ChunkClaim, stop: Callable[[], bool]) -> None:
        self._claim, self._stop, self._renewed = claim, stop, monotonic()

    def __call__(self) -> None:
        if self._stop():
            raise _Stopped
        if monotonic() - self._renewed > settings.SEGMILL_LEASE_SECONDS / RENEWALS_PER_LEASE:
            chunks.renew(self._claim)
            self._renewed = monotonic()


def _problem(refused: RefusedText) -> RowProblem:
    sentence = f"The row cannot be embedded: {refused.reason}. Change or remove it."
    text = refused.text
    return RowProblem(text.line, "content", shown(text.content), "text_refused", sentence)


def _count_usage(job_id: UUID, usage: Usage) -> None:
    """Note what was asked of the endpoint: it is billed, whatever becomes of the vectors."""
    if usage.requests:
        ImportJob.objects.filter(pk=job_id).update(
            embedding_requests=F("embedding_requests") + usage.requests,
            embedding_tokens=F("embedding_tokens") + usage.tokens,
            embedding_cost=F("embedding_cost") + usage.cost,
        )


def _reuse(claim: ChunkClaim, dataset_id: UUID, dimensions: int) -> None:
    """Take the vectors the dataset has for these texts; doing so twice changes nothing.

    So nobody waits for the disk: what a crash of the server loses of it is taken again.
    """
    with chunks.writing(claim), connection.cursor() as cursor:
        not_for_the_disk()
        cursor.execute(REUSE, _slice(claim) | {"dataset": dataset_id, "dimensions": dimensions})


def _texts_without_vector(claim: ChunkClaim) -> list[StagedText]:
    with connection.cursor() as cursor:
        cursor.execute(WITHOUT_VECTOR, _slice(claim))
        return [StagedText(*fields) for fields in cursor.fetchall()]


def _slice(claim: ChunkClaim) -> dict[str, UUID | int]:
    return {"job": claim.job_id, "first": claim.first_row, "last": claim.last_row}


@transaction.atomic
def _keep(claim: ChunkClaim, harvest: ChunkVectors) -> None:
    """Give the unfinished chunk back, with the vectors that have come."""
    rows, vectors = harvest.rows()
    if chunks.release(claim, embedded=len(rows)):
        _store(claim.job_id, rows, vectors)


@transaction.atomic
def _finish(
    claim: ChunkClaim, harvest: ChunkVectors, refused: list[RefusedText], seconds: float
) -> EmbeddedChunk:
    rows, vectors = harvest.rows()
    asked_for = len(rows) + len(refused)
    if not harvest.usage.requests:  # nothing was paid for
        not_for_the_disk()
    reused = claim.rows - claim.rows_embedded - asked_for
    chunks.finish(claim, embedded=len(rows), reused=reused, seconds=seconds)
    _store(claim.job_id, rows, vectors)
    found = [_problem(text) for text in refused]
    if found:
        row_errors.drop_rows(claim.job_id, [refusal.text.row for refusal in refused], found)
    return EmbeddedChunk(len(rows), reused, found)


def _store(job_id: UUID, rows: Sequence[int], vectors: Vectors) -> None:
    if not rows:
        return
    with connection.cursor() as cursor:
        copy_binary(
            cursor,
            StagedVector._meta.db_table,
            ("job_id", "row", "embedding"),
            pack_vectors(job_id, rows, vectors),
        )

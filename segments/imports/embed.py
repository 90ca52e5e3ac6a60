"""Staged rows ─reuse known vectors, embed the rest─► staged vectors, one chunk at a time.

No transaction is open while the model runs. A finished chunk is a checkpoint: it is never
embedded again. The vectors of an unfinished chunk are kept too.
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
    """The columns of a staged row that embedding needs."""

    row: int
    line: int
    content: str
    content_hash: str


class RefusedText(NamedTuple):
    """A text that the model refuses, and why."""

    text: StagedText
    reason: str


class ChunkVectors:
    """The model's vectors for some texts; equal texts are embedded once."""

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
        """Embed all texts; vectors received before an error are kept."""
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
        """The texts that the model refuses, in the order of their rows."""
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

# NOT IN, not a join: the planner has no statistics on rows staged a moment ago. It would expect
# one row and use nested loops, comparing each row of the chunk with each row done so far.
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
    """The outcome of a chunk: texts embedded, vectors reused, texts the model refused."""

    embedded: int
    reused: int
    problems: list[RowProblem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """The dataset whose vectors may be reused, and the tenant whose share of the model is used."""

    dataset_id: UUID
    tenant_id: UUID


class _Stopped(Exception):
    """Embedding was asked to stop."""


def embed_chunk(
    claim: ChunkClaim,
    place: Place,
    embedder: Embedder,
    stop: Callable[[], bool],
    on_error: str = OnError.ABORT,
) -> EmbeddedChunk | None:
    """Give every row of the chunk its vector and finish the chunk; None if asked to stop.

    Rows whose text the model refuses are dropped and reported. With `on_error` abort they stay,
    the chunk is not finished, and the caller has to fail the import.

    Raises:
        ImportCancelled, ClaimLost: the claim was lost; nothing was changed.
        EmbeddingUnavailable: the model does not answer; vectors received before are kept.
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
    """Checks whether to continue, and renews the chunk's lease."""

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
    """Count the requests to the endpoint: they are billed even if the vectors are not used."""
    if usage.requests:
        ImportJob.objects.filter(pk=job_id).update(
            embedding_requests=F("embedding_requests") + usage.requests,
            embedding_tokens=F("embedding_tokens") + usage.tokens,
            embedding_cost=F("embedding_cost") + usage.cost,
        )


def _reuse(claim: ChunkClaim, dataset_id: UUID, dimensions: int) -> None:
    """Copy the vectors the dataset already has for these texts; idempotent.

    So the commit need not wait for the disk: what a server crash loses is copied again.
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
    """Release the unfinished chunk, with the vectors received so far."""
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

"""Staged rows ─reuse known vectors, embed the rest─► staged vectors, one chunk at a time.

No transaction is open while the model runs. A chunk that is done is a checkpoint: it is never
embedded again, whatever happens later.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import NamedTuple
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import connection, transaction

from segments.embedding import Embedder, Vectors, checked_vectors
from segments.exceptions import VectorsRefused
from segments.importing import chunks
from segments.importing.chunks import ChunkClaim
from segments.importing.copying import copy_binary, pack_vectors
from segments.importing.types import shown
from segments.models import StagedVector

# Texts handed to the model at a time: one that embeds 20 a second takes 13 s for them, which
# is how fine stopping and renewing can be.
BATCH_TEXTS = 256
RENEWALS_PER_LEASE = 4

REUSE = """
    INSERT INTO segments_stagedvector (job_id, "row", embedding)
    SELECT s.job_id, s."row", known.embedding
    FROM segments_stagedrow s
    CROSS JOIN LATERAL (
        SELECT d.embedding FROM segments_documentsegment d
        WHERE d.dataset_id = %(dataset)s AND d.index_node_hash = s.content_hash
            AND vector_dims(d.embedding) = %(dimensions)s
        LIMIT 1
    ) AS known
    WHERE s.job_id = %(job)s AND s."row" BETWEEN %(first)s AND %(last)s
    ON CONFLICT (job_id, "row") DO NOTHING
"""

WITHOUT_VECTOR = """
    SELECT s."row", s.line, s.content, s.content_hash
    FROM segments_stagedrow s
    LEFT JOIN segments_stagedvector v USING (job_id, "row")
    WHERE s.job_id = %(job)s AND s."row" BETWEEN %(first)s AND %(last)s AND v."row" IS NULL
    ORDER BY s."row"
"""


class StagedText(NamedTuple):
    """A staged row as far as embedding it goes."""

    row: int
    line: int
    content: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class EmbeddedChunk:
    """What was done for a chunk: texts embedded, vectors reused."""

    embedded: int
    reused: int


def embed_chunk(
    claim: ChunkClaim, dataset_id: UUID, embedder: Embedder, stop: Callable[[], bool]
) -> EmbeddedChunk | None:
    """Give every row of the chunk its vector and finish the chunk; None if told to stop.

    Raises:
        ImportCancelled, ClaimLost: the claim does not hold any more; nothing was changed.
        EmbeddingFailed: the model gave no usable vectors; the text names the line.
    """
    began = perf_counter()
    _reuse(claim, dataset_id, embedder.dimensions)
    texts = _texts_without_vector(claim)
    vectors = _embed(texts, embedder, claim, stop)
    if vectors is None:
        chunks.release(claim)
        return None
    reused = claim.last_row - claim.first_row + 1 - len(texts)
    with transaction.atomic():
        chunks.finish(claim, embedded=len(texts), reused=reused, seconds=perf_counter() - began)
        _store(claim.job_id, [text.row for text in texts], vectors)
    return EmbeddedChunk(len(texts), reused)


def _reuse(claim: ChunkClaim, dataset_id: UUID, dimensions: int) -> None:
    """Take the vectors the dataset has for these texts; doing so twice changes nothing."""
    with connection.cursor() as cursor:
        cursor.execute(REUSE, _slice(claim) | {"dataset": dataset_id, "dimensions": dimensions})


def _texts_without_vector(claim: ChunkClaim) -> list[StagedText]:
    with connection.cursor() as cursor:
        cursor.execute(WITHOUT_VECTOR, _slice(claim))
        return [StagedText(*fields) for fields in cursor.fetchall()]


def _slice(claim: ChunkClaim) -> dict[str, UUID | int]:
    return {"job": claim.job_id, "first": claim.first_row, "last": claim.last_row}


def _embed(
    texts: Sequence[StagedText],
    embedder: Embedder,
    claim: ChunkClaim,
    stop: Callable[[], bool],
) -> Vectors | None:
    """The vectors of `texts` in their order; equal texts are embedded once.

    Similar lengths go together, for a model pads a batch to its longest text.
    """
    unique = sorted({text.content_hash: text for text in texts}.values(), key=_length)
    place = {text.content_hash: number for number, text in enumerate(unique)}
    parts: list[Vectors] = []
    renewed = monotonic()
    for first in range(0, len(unique), BATCH_TEXTS):
        if stop():
            return None
        if monotonic() - renewed > settings.SEGMILL_LEASE_SECONDS / RENEWALS_PER_LEASE:
            chunks.renew(claim)
            renewed = monotonic()
        parts.append(_embed_batch(unique[first : first + BATCH_TEXTS], embedder))
    if not parts:
        return np.empty((0, embedder.dimensions), np.float32)
    vectors: Vectors = np.concatenate(parts)[[place[text.content_hash] for text in texts]]
    return vectors


def _length(text: StagedText) -> int:
    return len(text.content)


def _embed_batch(batch: Sequence[StagedText], embedder: Embedder) -> Vectors:
    vectors = embedder.embed_passages([text.content for text in batch])
    try:
        return checked_vectors(vectors, len(batch), embedder.dimensions)
    except VectorsRefused as refusal:
        if refusal.row is None:
            raise
        text = batch[refusal.row]
        raise VectorsRefused(
            f"Line {text.line} ({shown(text.content)!r}): {refusal} Change or remove the row."
        ) from refusal


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

"""PostgreSQL's binary COPY alone: how fast the database takes rows if it does nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import numpy as np
from django.db import connection, transaction
from django.db.models import Model

from segments.db import binary_copy
from segments.files.types import CountedRow, SegmentRow
from segments.imports import staging
from segments.imports.parents import content_hash
from segments.imports.staging import FullText
from segments.models import StagedRow, StagedVector

TABLE = "benchmark_copy"


@dataclass(frozen=True, slots=True)
class Packed:
    """The same rows twice: as staged rows and as vectors, ready to send."""

    rows: bytes
    vectors: bytes


def pack(texts: Sequence[str], dimensions: int) -> Packed:
    """`texts`, packed as an import does it, with random vectors."""
    job = uuid4()
    counted = [
        CountedRow(SegmentRow(line, text, None, None, None, {}, True), 1, content_hash(text))
        for line, text in enumerate(texts, 2)
    ]
    vectors = np.random.default_rng(1).random((len(texts), dimensions), np.float32)
    return Packed(
        rows=staging.pack_chunk(job, 1, counted, FullText("english", "en")),
        vectors=binary_copy.pack_vectors(job, range(1, len(texts) + 1), vectors),
    )


def copy_rows(packed: Packed) -> None:
    """Send the rows to a table that computes and indexes nothing."""
    _copy(StagedRow, staging.COLUMNS, packed.rows)


def copy_vectors(packed: Packed) -> None:
    """Send the vectors to a table without an index."""
    _copy(StagedVector, ("job_id", "row", "embedding"), packed.vectors)


def _copy(model: type[Model], columns: Sequence[str], packed: bytes) -> None:
    """Copy into a table like the model's, commit, and drop the table."""
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE TABLE {TABLE} (LIKE "{model._meta.db_table}")')
        try:
            with transaction.atomic():
                binary_copy.copy_binary(cursor, TABLE, columns, packed)
        finally:
            cursor.execute(f"DROP TABLE {TABLE}")

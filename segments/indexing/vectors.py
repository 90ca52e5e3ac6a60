"""The part `vectors` of a generation: unit vectors in half precision, with an HNSW index.

Unit vectors, so that the inner product is the cosine similarity and no value is too large for
half precision. Near ones are candidates only: a search compares them again in full precision.
"""

import logging
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from psycopg2 import errors

from segments.exceptions import IndexRefused
from segments.indexing import signatures
from segments.indexing.pulse import Pulse
from segments.indexing.tables import ENTRIES, VECTORS, table_of
from segments.models import IndexGeneration

logger = logging.getLogger(__name__)

# The most that pgvector indexes in half precision; above it search stays exact.
MAX_DIMENSIONS = 4_000
# How many neighbours a vector has in each layer, and among how many they are chosen.
NEIGHBOURS, CHOSEN_AMONG = 16, 64

IN_RANGE = """
    FROM segments_documentsegment
    WHERE dataset_id = %(dataset)s AND version > %(after)s AND version <= %(until)s
        AND embedding IS NOT NULL
"""
DIMENSIONS = f"""
    SELECT count(*), min(vector_dims(embedding)), max(vector_dims(embedding)) {IN_RANGE}
"""
CREATE = """
    CREATE TABLE {table} (
        segment_id uuid NOT NULL,
        version bigint NOT NULL,
        ordinal int4 NOT NULL,
        embedding halfvec({dimensions}) STORAGE PLAIN NOT NULL
    )
"""
# An entry whose segment has changed since has no vector here: the segment is in the tail.
FILL = """
    INSERT INTO {table} (segment_id, version, ordinal, embedding)
    SELECT s.id, s.version, entry.ordinal, l2_normalize(s.embedding)::halfvec
    FROM {entries} AS entry
    JOIN segments_documentsegment AS s ON s.id = entry.segment_id AND s.version = entry.version
    WHERE s.embedding IS NOT NULL
"""
# For what passes a filter: few of its rows are compared without the index of vectors.
INDEX_ORDINALS = "CREATE INDEX ON {table} (ordinal)"
INDEX = f"""
    CREATE INDEX {{table}}_hnsw ON {{table}} USING hnsw (embedding halfvec_ip_ops)
    WITH (m = {NEIGHBOURS}, ef_construction = {CHOSEN_AMONG})
"""
TOO_MANY_DIMENSIONS = (
    "Vectors of {dimensions:,} dimensions are not indexed ({most:,} at most): search by meaning "
    "compares each of them."
)
OUT_OF_MEMORY_NOTICE = "no longer fits into maintenance_work_mem"
TOO_LITTLE_MEMORY = (
    "The index did not fit into the memory of its build, which took much longer: raise "
    "SEGMILL_INDEX_MEMORY_MIB."
)


def create(generation: IndexGeneration, pulse: Pulse) -> None:
    """Make the table and the index of the generation's range; in the caller's transaction.

    Sets `dimensions` (0 if the range has no vector), `vectors` (0 if they are not indexed) and
    `notes`.

    Raises:
        IndexRefused: the vectors have different dimensions.
    """
    pulse.step("counting vectors")
    count, least, most = _fetched(DIMENSIONS, _range_of(generation))
    if not count:
        return
    if least != most:
        raise IndexRefused(
            f"The vectors of the dataset have from {least:,} to {most:,} dimensions, so they are "
            "not all from its model. Re-embed the dataset: manage.py reembed."
        )
    if most > MAX_DIMENSIONS:
        generation.dimensions = most
        generation.notes = TOO_MANY_DIMENSIONS.format(dimensions=most, most=MAX_DIMENSIONS)
        return
    table = table_of(VECTORS, generation.pk)
    pulse.step("copying vectors", total=count)
    _run(CREATE.format(table=table, dimensions=most))
    count = _run(FILL.format(table=table, entries=table_of(ENTRIES, generation.pk)))
    _run(INDEX_ORDINALS.format(table=table))
    signatures.create(generation, most, pulse)
    pulse.step("indexing vectors", total=count)
    _create_index(generation, INDEX.format(table=table))
    _run(f"ANALYZE {table}")
    generation.vectors, generation.dimensions = count, most


def _range_of(generation: IndexGeneration) -> dict[str, Any]:
    return {
        "dataset": generation.dataset_id,
        "after": generation.from_version,
        "until": generation.to_version,
    }


def _create_index(generation: IndexGeneration, statement: str) -> None:
    """Build it with helpers if their shared memory is to be had, else alone.

    Containers often have 64 MB of shared memory, however much there is otherwise.
    """
    workers = settings.SEGMILL_INDEX_WORKERS
    try:
        with transaction.atomic():
            _run_with(workers, statement)
    except DatabaseError as trouble:
        lacks_memory = isinstance(trouble.__cause__, errors.DiskFull | errors.OutOfMemory)
        if not workers or not lacks_memory:
            raise
        logger.warning("the index is built without helpers: %s", " ".join(str(trouble).split()))
        _run_with(0, statement)
    if any(OUT_OF_MEMORY_NOTICE in notice for notice in _notices()):
        logger.warning(TOO_LITTLE_MEMORY)
        generation.notes = TOO_LITTLE_MEMORY


def _run_with(workers: int, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('maintenance_work_mem', %s, true), "
            "set_config('max_parallel_maintenance_workers', %s, true)",
            [f"{settings.SEGMILL_INDEX_MEMORY_MIB}MB", str(workers)],
        )
        _notices().clear()
        cursor.execute(statement)


def _notices() -> list[str]:
    """What the server has said besides its answers."""
    notices: list[str] = connection.connection.notices
    return notices


def _run(statement: str, parameters: dict[str, Any] | None = None) -> int:
    """How many rows the statement has changed."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def _fetched(statement: str, parameters: dict[str, Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row: tuple[Any, ...] = cursor.fetchone()
        return row

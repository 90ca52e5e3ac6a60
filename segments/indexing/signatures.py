"""The part of a generation that compares many vectors at once: one bit for each dimension.

A signature has the sign of each of a vector's first dimensions: 32 bytes for 256 of them, so a
process can hold those of a million segments (`segments.search.signatures`). Vectors whose signs
differ little are near each other, mostly: that chooses whose vectors are compared.

One table: blocks of `BLOCK` ordinals, with those of the block that have a vector (rising) and
their signatures one after another, each of whole bytes, the first dimension in the highest bit.
"""

from django.db import connection

from segments.indexing.pulse import Pulse
from segments.indexing.tables import SIGNATURES, VECTORS, table_of
from segments.models import IndexGeneration

# More would tell near vectors apart better, and take as much more memory of each process.
MOST_BITS = 512
BITS_A_BYTE = 8
# Small enough that a block of the longest signatures fits well into a field of a row.
BLOCK = 65_536

CREATE = """
    CREATE TABLE {signatures} (
        block int PRIMARY KEY, ordinals int4[] STORAGE EXTERNAL NOT NULL,
        bits bytea STORAGE EXTERNAL NOT NULL
    )
"""
# `bit_send` starts with the number of bits, in four bytes.
FILL = f"""
    INSERT INTO {{signatures}} (block, ordinals, bits)
    SELECT ordinal / {BLOCK}, array_agg(ordinal ORDER BY ordinal),
        string_agg(signature, ''::bytea ORDER BY ordinal)
    FROM (
        SELECT ordinal, substring(
            bit_send(binary_quantize(subvector(embedding, 1, {{bits}}))::bit({{bits}})) FROM 5
        ) AS signature
        FROM {{vectors}}
    ) AS signed
    GROUP BY ordinal / {BLOCK}
"""


def create(generation: IndexGeneration, dimensions: int, pulse: Pulse) -> None:
    """Make the table; in the caller's transaction, after that of the vectors."""
    tables = {
        "signatures": table_of(SIGNATURES, generation.pk),
        "vectors": table_of(VECTORS, generation.pk),
    }
    pulse.step("collecting signs")
    with connection.cursor() as cursor:
        cursor.execute(CREATE.format(**tables))
        cursor.execute(FILL.format(**tables, bits=bits_of(dimensions)))


def bits_of(dimensions: int) -> int:
    """How many bits the signature of a vector has."""
    return min(dimensions, MOST_BITS)


def bytes_of(dimensions: int) -> int:
    """How many bytes it takes."""
    return -(-bits_of(dimensions) // BITS_A_BYTE)

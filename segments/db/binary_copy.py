"""PostgreSQL's binary COPY format, packed here because printing floats is 10 times slower.

Format: PostgreSQL manual, COPY, "Binary Format"; numbers are big-endian. Vectors: pgvector's
`vector_send`: int16 dimensions, int16 zero, then the float32 values.

By hand rather than by pgcopy 1.6.2: that packs 22,000 staged rows a second where this packs 128,000
(vectors of 256 numbers: 53,000 against 250,000), knows no vectors, and brings the source package
of psycopg2, which overwrites the binary one.
"""

import io
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import uuid_utils
from django.db.backends.utils import CursorWrapper
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)
NULL = struct.pack(">i", -1)
JSONB_VERSION = b"\x01"
TEXT_OID = 25
# Two int16: dimensions, and zero.
VECTOR_HEADER_BYTES = 4

EMPTY_JSON = struct.pack(">i", 3) + JSONB_VERSION + b"{}"

_int32 = struct.Struct(">i")
_sized_int32 = struct.Struct(">ii")
_fields = struct.Struct(">h")


def pack_uuid(value: UUID | uuid_utils.UUID) -> bytes:
    """A uuid field."""
    return _int32.pack(16) + value.bytes


def pack_int(value: int) -> bytes:
    """An integer (int4) field."""
    return _sized_int32.pack(4, value)


def pack_bool(value: bool) -> bytes:
    """A boolean field."""
    return _int32.pack(1) + (b"\x01" if value else b"\x00")


def pack_text(value: str | None) -> bytes:
    """A text field, or null."""
    if value is None:
        return NULL
    encoded = value.encode()
    return _int32.pack(len(encoded)) + encoded


def pack_json(value: Mapping[str, Any]) -> bytes:
    """A jsonb field."""
    if not value:
        return EMPTY_JSON
    encoded = JSONB_VERSION + json.dumps(value, ensure_ascii=False).encode()
    return _int32.pack(len(encoded)) + encoded


def pack_texts(values: Sequence[str] | None) -> bytes:
    """A text[] field of one dimension, or null."""
    if values is None:
        return NULL
    if not values:
        body = struct.pack(">iii", 0, 0, TEXT_OID)
    else:
        items = b"".join(pack_text(value) for value in values)
        body = struct.pack(">iiiii", 1, 0, TEXT_OID, len(values), 1) + items
    return _int32.pack(len(body)) + body


def pack_tuple(*fields: bytes) -> bytes:
    """A row of packed fields."""
    return _fields.pack(len(fields)) + b"".join(fields)


def unpack_vector(sent: bytes | memoryview) -> NDArray[np.float32]:
    """The numbers of one vector, as `vector_send` sends it."""
    return np.frombuffer(sent, ">f4", offset=VECTOR_HEADER_BYTES).astype(np.float32)


def pack_vectors(job_id: UUID, rows: Sequence[int], vectors: NDArray[np.float32]) -> bytes:
    """Rows of (uuid, int4, vector), packed by numpy all at once."""
    dimensions = vectors.shape[1]
    record = np.dtype(
        [
            ("fields", ">i2"),
            ("job_size", ">i4"),
            ("job", "V16"),
            ("row_size", ">i4"),
            ("row", ">i4"),
            ("vector_size", ">i4"),
            ("dimensions", ">i2"),
            ("zero", ">i2"),
            ("vector", ">f4", (dimensions,)),
        ]
    )
    packed = np.zeros(len(rows), record)
    packed["fields"], packed["job_size"], packed["row_size"] = 3, 16, 4
    packed["vector_size"], packed["dimensions"] = 4 + 4 * dimensions, dimensions
    packed["job"], packed["row"], packed["vector"] = np.void(job_id.bytes), rows, vectors
    return packed.tobytes()


def copy_binary(cursor: CursorWrapper, table: str, columns: Iterable[str], packed: bytes) -> None:
    """Send packed rows to `table` (both names are our own, never a user's).

    Raises:
        django.db.Error: as from any other statement, not the driver's own class.
    """
    names = ", ".join(f'"{column}"' for column in columns)
    statement = f'COPY "{table}" ({names}) FROM STDIN WITH (FORMAT BINARY)'
    with cursor.db.wrap_database_errors:
        cursor.copy_expert(statement, io.BytesIO(HEADER + packed + TRAILER))

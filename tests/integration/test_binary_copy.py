"""Values packed for binary COPY: the database gives back what went in."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.db import DataError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segments.db import binary_copy as pack

pytestmark = pytest.mark.django_db

# PostgreSQL's text has no NUL; half a character is no character.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
JSON = st.dictionaries(
    TEXT,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)
INTEGERS = st.integers(-(2**31), 2**31 - 1)
COLUMNS: dict[str, tuple[str, Callable[[Any], bytes], st.SearchStrategy[Any]]] = {
    "id": ("uuid", pack.pack_uuid, st.uuids()),
    "number": ("integer", pack.pack_int, INTEGERS),
    "switch": ("boolean", pack.pack_bool, st.booleans()),
    "words": ("text", pack.pack_text, st.none() | TEXT),
    "name": ("varchar(255)", pack.pack_text, st.none() | TEXT),
    "list": ("text[]", pack.pack_texts, st.none() | st.lists(TEXT, max_size=4)),
    "extra": ("jsonb", pack.pack_json, JSON),
}
ROWS = st.lists(st.tuples(*(values for _, _, values in COLUMNS.values())), max_size=6)
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def copied(columns: dict[str, str], packed: bytes, shown: str = "*") -> list[tuple[Any, ...]]:
    """The rows of a table of these columns into which `packed` was copied."""
    types = ", ".join(f'"{name}" {type_}' for name, type_ in columns.items())
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE copied (place serial, {types}) ON COMMIT DROP")
        pack.copy_binary(cursor, "copied", columns, packed)
        cursor.execute(f"SELECT {shown} FROM copied ORDER BY place")
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        cursor.execute("DROP TABLE copied")
    return rows


def test_any_values_are_given_back() -> None:
    @MANY
    @given(ROWS)
    def check(rows: list[tuple[Any, ...]]) -> None:
        packers = [packer for _, packer, _ in COLUMNS.values()]
        packed = b"".join(
            pack.pack_tuple(*(do(value) for do, value in zip(packers, row, strict=True)))
            for row in rows
        )
        types = {name: type_ for name, (type_, _, _) in COLUMNS.items()}
        given_back = [(*row[1:-1], json.loads(row[-1])) for row in copied(types, packed)]
        assert given_back == rows

    check()


LARGEST = float(np.float32(1e30))
FLOATS = st.floats(-LARGEST, LARGEST, width=32)


def test_any_vectors_are_given_back() -> None:
    @MANY
    @given(
        st.uuids(),
        st.tuples(st.integers(1, 5), st.integers(1, 8)).flatmap(
            lambda shape: arrays(np.float32, shape, elements=FLOATS)
        ),
    )
    def check(job: UUID, vectors: np.ndarray) -> None:
        numbers = list(range(7, 7 + len(vectors)))
        rows = copied(
            {"job_id": "uuid", "row": "integer", "embedding": "vector"},
            pack.pack_vectors(job, numbers, vectors),
            shown='job_id, "row", embedding::real[]',
        )
        assert [row[:2] for row in rows] == [(job, number) for number in numbers]
        assert np.array_equal(np.array([row[2] for row in rows], np.float32), vectors)

    check()


def test_what_the_server_refuses_is_djangos_error() -> None:
    with pytest.raises(DataError):
        copied({"words": "text"}, pack.pack_tuple(pack.pack_text("NUL \0")))


def test_no_rows_are_no_rows() -> None:
    assert copied({"words": "text"}, b"") == []

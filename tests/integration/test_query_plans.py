"""What the database does for a chunk and for a publish stays in proportion to their rows.

The statistics that the planner has are always of earlier imports: here, of one that was as
large as the one it is asked about.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from django.db import connection

from datasets.models import Dataset, DocForm, Document
from segments.db import binary_copy
from segments.db.transactions import planner_settings
from segments.files.options import ImportMode
from segments.files.types import CountedRow, SegmentRow
from segments.imports import staging
from segments.imports.embed import REUSE, WITHOUT_VECTOR
from segments.imports.merge import READ_BY_KEY, MergeSpec, insert_statement
from segments.imports.staging import FullText
from segments.models import StagedRow, StagedVector
from segments.models.segment import SegmentStatus
from segments.search.text_sample import CHOSEN
from segments.search.vectors import semantic_ranking
from segments.search.words import OCCURRING
from tests.integration.conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db

ROWS = 1_000
DIMENSIONS = 4


@pytest.fixture
def stage() -> Callable[[], UUID]:
    """Stages rows and vectors under an id of their own."""

    def run() -> UUID:
        job = uuid4()
        rows = [
            CountedRow(SegmentRow(n, f"text {n}", None, None, None, {}, True), 1, f"{n:064x}")
            for n in range(1, ROWS + 1)
        ]
        staging.stage(staging.pack_chunk(job, 1, rows, FullText("english", "en")))
        vectors = np.ones((ROWS, DIMENSIONS), np.float32)
        packed = binary_copy.pack_vectors(job, range(1, ROWS + 1), vectors)
        with connection.cursor() as cursor:
            columns = ("job_id", "row", "embedding")
            binary_copy.copy_binary(cursor, StagedVector._meta.db_table, columns, packed)
        return job

    return run


@pytest.fixture
def job(stage: Callable[[], UUID]) -> UUID:
    """Staged rows that the statistics know nothing of, but all of those staged before."""
    earlier = stage()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE segments_stagedrow, segments_stagedvector")
    for model in (StagedRow, StagedVector):
        model.objects.filter(job_id=earlier).delete()
    return stage()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def executed(statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps that the server took, each with what it touched; settings may come first."""
    settings, semicolon, asked = statement.rpartition(";")
    with connection.cursor() as cursor:
        explained = f"{settings}{semicolon} EXPLAIN (ANALYZE, FORMAT JSON) {asked}"
        cursor.execute(explained, parameters)
        found = cursor.fetchone()[0]
    plan = found if isinstance(found, list) else json.loads(found)
    return list(nodes(plan[0]["Plan"]))


def rows_touched(steps: list[dict[str, Any]]) -> float:
    """The largest number of rows that one step has looked at."""
    return max(_looked_at(step) for step in steps)


def _looked_at(step: dict[str, Any]) -> float:
    removed = ("Rows Removed by Join Filter", "Rows Removed by Filter")
    rows = step["Actual Rows"] + sum(step.get(name, 0) for name in removed)
    return float(rows * step["Actual Loops"])


@pytest.mark.parametrize("statement", [REUSE, WITHOUT_VECTOR], ids=["reuse", "without vector"])
def test_a_chunk_is_read_once(job: UUID, statement: str) -> None:
    limits = {"first": 1, "last": ROWS, "dataset": uuid4(), "dimensions": DIMENSIONS}

    steps = executed(statement, {"job": job} | limits)

    assert rows_touched(steps) <= ROWS


def test_staged_rows_and_vectors_meet_in_one_pass(job: UUID) -> None:
    spec = MergeSpec(job, uuid4(), uuid4(), ImportMode.APPEND, frozenset(), has_vectors=True)
    read = insert_statement(spec).partition("SELECT")[2].partition("RETURNING")[0]
    parameters = {"tenant": uuid4(), "user": None, "indexing_at": None, "last": 0}
    with planner_settings(READ_BY_KEY):
        steps = executed(f"SELECT {read}", spec.parameters | parameters)

    assert rows_touched(steps) <= ROWS
    assert "Sort" not in {step["Node Type"] for step in steps}


def test_a_sample_of_texts_looks_only_at_the_places_it_picked(
    passages: Document, import_text: ImportText
) -> None:
    import_text(passages, "content\n" + "\n".join(f"text {n}" for n in range(ROWS)))
    picked = 10
    parameters = {
        "chars": 100,
        "documents": [str(passages.pk)] * picked,
        "positions": list(range(1, picked + 1)),
        "status": SegmentStatus.COMPLETED,
    }

    assert rows_touched(executed(CHOSEN, parameters)) <= picked * 5


def test_every_vector_is_compared_once_however_many_documents_there_are(
    dataset: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    rows = 100
    document = make_document(dataset, doc_form=DocForm.TEXT)
    import_text(document, "content\n" + "\n".join(f"text {n}" for n in range(rows)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE datasets_document, segments_documentsegment")
    for _ in range(20):
        make_document(dataset)
    plans: list[list[dict[str, Any]]] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "<=>" in sql and "EXPLAIN" not in sql:
            plans.append(executed(sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        assert len(semantic_ranking(dataset, "a text", 10)) == 10

    assert [rows_touched(steps) for steps in plans] == [pytest.approx(rows, abs=rows / 2)]


def test_words_are_not_looked_up_where_an_index_covers_all_segments(
    passages: Document, import_text: ImportText
) -> None:
    import_text(passages, "content\ntext\n")
    asked = {"lexemes": ["text"], "dataset": passages.dataset_id, "watermark": 2**62}

    steps = executed(OCCURRING, asked)

    assert not any(step["Actual Loops"] for step in steps if "Bitmap" in step["Node Type"])
    assert executed(OCCURRING, asked | {"watermark": 0})[0]["Actual Rows"] == 1

"""The vector index: generations in use, what is newer, what is dead, and all that can be lost."""

from contextlib import AbstractContextManager
from unittest.mock import patch
from uuid import UUID

import numpy as np
import pytest
from django.db import DatabaseError, OperationalError, connection
from psycopg2 import errors
from pytest_django import Settings

from datasets.models import Dataset, Document
from segments.embedding import get_embedder
from segments.exceptions import NoEmbeddingModel, SearchRefused
from segments.imports import undo
from segments.indexing import build, plan, tables, upkeep
from segments.indexing import vectors as vector_part
from segments.indexing.state import INDEXES, generations_of
from segments.indexing.watermark import take_watermark
from segments.models import DocumentSegment, ImportJob, IndexGeneration
from segments.models.indexing import IndexStatus
from segments.operations import reaper
from segments.search import search
from segments.search import vectors as search_vectors
from segments.search.fusion import Ranked
from segments.services import indexes, reembeddings
from segments.services.segments import NewText, delete_segments, update_segment

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

THINGS = (
    "lamp",
    "pump",
    "filter",
    "valve",
    "door",
    "window",
    "printer",
    "battery",
    "cable",
    "oven",
)
PLACES = ("Ulm", "Rome", "Oslo", "Paris", "Kyiv", "Lima", "Delhi", "Cairo")
QUESTIONS = ("where is the lamp?", "an oven in Oslo", "the battery of Lima", "printers")


def rows(first: int, last: int) -> str:
    texts = (
        f"The {THINGS[n % len(THINGS)]} number {n} stands in {PLACES[n % len(PLACES)]}."
        for n in range(first, last)
    )
    return "content,external_id\n" + "".join(f"{text},{n}\n" for n, text in enumerate(texts, first))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows make an index, and a few candidates have to do at first."""
    monkeypatch.setattr(plan, "TAIL_ROWS", 5)
    monkeypatch.setattr(search_vectors, "CANDIDATES", 4)
    monkeypatch.setattr(search_vectors, "CANDIDATES_A_HIT", 1)


@pytest.fixture
def indexed(small: None, passages: Document, import_text: ImportText) -> Dataset:
    """A dataset of 60 segments, all in one generation."""
    import_text(passages, rows(0, 60))
    assert built(passages.dataset).status == IndexStatus.COMPLETED
    return passages.dataset


def built(dataset: Dataset) -> IndexGeneration:
    return indexes.run_in_foreground(indexes.start_build(dataset, background=False))


def found(dataset: Dataset, question: str, *, exact: bool = False) -> list[tuple[UUID, float]]:
    hits = search(dataset, question, "semantic", top_k=8, exact=exact)
    return [(hit.segment_id, round(hit.score, 5)) for hit in hits]


def assert_complete(dataset: Dataset) -> None:
    for question in QUESTIONS:
        assert found(dataset, question) == found(dataset, question, exact=True)


def ranges(dataset: Dataset) -> list[tuple[int, int]]:
    return [(each.from_version, each.to_version) for each in generations_of(dataset)]


def test_an_import_over_the_threshold_starts_a_build(
    small: None, passages: Document, import_text: ImportText
) -> None:
    import_text(passages, rows(0, 4))
    assert not IndexGeneration.objects.exists()

    import_text(passages, rows(4, 20))
    assert IndexGeneration.objects.get().status == IndexStatus.WAITING

    import_text(passages, rows(20, 40))
    (generation,) = IndexGeneration.objects.all()
    done = build.run(generation.pk)

    assert (done.status, done.rows, done.vectors, done.dimensions) == ("completed", 40, 40, 256)
    assert done.bytes > 0
    assert_complete(passages.dataset)


def test_a_search_asks_the_index_and_what_is_newer(
    indexed: Dataset, passages: Document, import_text: ImportText
) -> None:
    assert_complete(indexed)
    import_text(passages, "content\nThe lamp of the lighthouse.\n")
    newest = DocumentSegment.objects.order_by("-version")[0]

    assert found(indexed, "the lamp of a lighthouse")[0][0] == newest.pk
    assert_complete(indexed)
    with patch.object(search_vectors, "_exactly", side_effect=AssertionError):
        found(indexed, QUESTIONS[0])


def test_an_edit_a_deletion_and_a_switch_are_seen_at_once(indexed: Dataset) -> None:
    best = [segment_id for segment_id, _ in found(indexed, QUESTIONS[0])]
    update_segment(best[0], NewText("Nothing of the kind any more, but a submarine."))
    delete_segments(best[1:3])
    DocumentSegment.objects.filter(pk=best[3]).update(enabled=False)

    now = [segment_id for segment_id, _ in found(indexed, QUESTIONS[0])]

    assert not set(best[1:4]) & set(now)
    assert len(now) == 8
    assert found(indexed, "a submarine")[0][0] == best[0]
    assert_complete(indexed)


def test_a_change_that_no_vector_sees_keeps_the_version(indexed: Dataset) -> None:
    segment = DocumentSegment.objects.first()
    assert segment is not None
    DocumentSegment.objects.filter(pk=segment.pk).update(enabled=False, hit_count=9, metadata={})
    same = DocumentSegment.objects.get(pk=segment.pk).version
    DocumentSegment.objects.filter(pk=segment.pk).update(content="other")

    assert same == segment.version
    assert DocumentSegment.objects.get(pk=segment.pk).version > same


def test_when_most_candidates_are_dead_all_is_compared(indexed: Dataset) -> None:
    ids = list(DocumentSegment.objects.order_by("?").values_list("pk", flat=True))
    delete_segments(ids[:57])

    assert len(found(indexed, QUESTIONS[0])) == 3
    assert_complete(indexed)


def test_a_document_that_is_archived_is_not_found(indexed: Dataset, passages: Document) -> None:
    Document.objects.filter(pk=passages.pk).update(archived=True)

    assert found(indexed, QUESTIONS[0]) == []


def test_generations_are_merged_by_size(
    indexed: Dataset, passages: Document, import_text: ImportText
) -> None:
    (first,) = ranges(indexed)
    import_text(passages, rows(60, 70))
    built(indexed)
    second = ranges(indexed)
    import_text(passages, rows(70, 80))
    built(indexed)
    third = ranges(indexed)
    import_text(passages, rows(80, 130))
    built(indexed)

    assert [len(second), len(third)] == [2, 2]
    assert second[0] == third[0] == first
    assert len(ranges(indexed)) == 1
    assert generations_of(indexed)[0].rows == 130
    assert set(tables.existing().values()) == {generations_of(indexed)[0].pk}
    assert_complete(indexed)


def test_what_does_not_fit_into_memory_makes_several_generations(
    small: None, passages: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "rows_that_fit", lambda dimensions: 25)
    import_text(passages, rows(0, 60))
    generation = indexes.start_build(passages.dataset, background=False)
    indexes.run_in_foreground(generation)
    while more := indexes.in_progress(passages.dataset):
        indexes.run_in_foreground(more)

    assert [each.rows for each in generations_of(passages.dataset)] == [25, 25, 10]
    assert_complete(passages.dataset)


def test_a_generation_with_many_dead_rows_is_built_again(indexed: Dataset) -> None:
    ids = list(DocumentSegment.objects.order_by("version").values_list("pk", flat=True))
    delete_segments(ids[:40])

    assert upkeep.start_due_builds() == 1
    build.run(IndexGeneration.objects.open().get().pk)

    assert [each.rows for each in generations_of(indexed)] == [20]
    assert_complete(indexed)


def test_an_undone_import_is_gone(
    indexed: Dataset, passages: Document, import_text: ImportText
) -> None:
    job = import_text(passages, rows(60, 90))
    built(indexed)
    undo.undo(job.pk)

    assert DocumentSegment.objects.count() == 60
    assert_complete(indexed)


def test_an_index_goes_with_its_dataset(indexed: Dataset) -> None:
    assert tables.existing()
    indexed.delete()
    reaper.sweep()

    assert tables.existing() == {}
    assert not IndexGeneration.objects.exists()


def test_drop_makes_searches_exact(indexed: Dataset) -> None:
    indexes.start_build(indexed, background=False)
    assert indexes.drop(indexed) == 1

    assert tables.existing() == {}
    assert indexes.in_progress(indexed) is None
    assert indexes.report_index(indexed).tail == 60
    assert_complete(indexed)


def kinds_of_tables() -> list[str]:
    """The parts of all generations that there are tables of."""
    return sorted(name.split("_")[1] for name in tables.existing())


def vectors_table() -> str:
    """The table with the vectors of the only generation."""
    (table,) = (name for name in tables.existing() if name.startswith("segments_vectors_"))
    return table


# --- trouble ----------------------------------------------------------------------------------


def test_a_table_that_is_dropped_by_hand_costs_speed_only(indexed: Dataset) -> None:
    table = vectors_table()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {table}")

    assert_complete(indexed)
    assert upkeep.problems() == (0, 1)
    reaper.sweep()
    assert upkeep.problems() == (0, 0)
    build.run(IndexGeneration.objects.open().get().pk)
    assert generations_of(indexed)[0].vectors == 60


def test_a_table_that_is_emptied_by_hand_costs_speed_only(indexed: Dataset) -> None:
    table = vectors_table()
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table}")

    assert_complete(indexed)


def test_an_index_that_is_dropped_by_hand_costs_speed_only(indexed: Dataset) -> None:
    table = vectors_table()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {table}_hnsw")

    assert_complete(indexed)


def test_a_change_of_model_ends_the_index_and_what_is_built(
    indexed: Dataset, passages: Document, import_text: ImportText
) -> None:
    import_text(passages, rows(60, 70))
    waiting = indexes.start_build(indexed, background=False)
    change = reembeddings.change_model(indexed, "wordllama", "l2_supercat_256", background=False)
    reembeddings.run_in_foreground(change)

    assert not IndexGeneration.objects.filter(pk=waiting.pk).exists()
    assert not generations_of(indexed).exists()
    assert_complete(indexed)
    assert build.run(IndexGeneration.objects.get().pk).rows == 70
    assert_complete(indexed)


def test_a_model_that_changes_while_an_index_is_built_ends_it(
    indexed: Dataset, passages: Document, import_text: ImportText
) -> None:
    import_text(passages, rows(60, 70))
    create = vector_part.create

    def change_first(generation: IndexGeneration, pulse: object) -> None:
        create(generation, pulse)  # type: ignore[arg-type]
        Dataset.objects.filter(pk=indexed.pk).update(embedding_model="another")

    with patch.object(vector_part, "create", change_first):
        done = built(indexed)

    assert (done.status, done.error_code) == ("failed", "target_gone")
    assert kinds_of_tables() == ["entries", "signatures", "values", "vectors", "words"]


def test_a_search_asks_again_when_the_model_changes_meanwhile(indexed: Dataset) -> None:
    verified = search_vectors._Indexed._verified
    asked: list[str] = []

    def change_first(self: search_vectors._Indexed) -> list[Ranked]:
        if not asked:
            Dataset.objects.filter(pk=indexed.pk).update(embedding_model="another")
        asked.append(self.dataset.embedding_model)
        return verified(self)

    with (
        patch.object(search_vectors._Indexed, "_verified", change_first),
        pytest.raises(NoEmbeddingModel, match="another"),
    ):
        search(indexed, QUESTIONS[0], "semantic")

    assert set(asked) == {"l2_supercat_256"}


@pytest.mark.parametrize("statement", ["CREATE TABLE", "INSERT INTO", "CREATE INDEX", "ANALYZE"])
def test_a_full_disk_leaves_nothing_and_is_tried_again(
    indexed: Dataset, passages: Document, import_text: ImportText, statement: str
) -> None:
    import_text(passages, rows(60, 70))
    before = tables.existing()
    generation = indexes.start_build(indexed, background=False)

    with fails_at(f"{statement} segments_vectors"), pytest.raises(OperationalError):
        build.run(generation.pk)

    generation.refresh_from_db()
    assert generation.status == IndexStatus.BUILDING
    assert "no room" in generation.last_error
    assert tables.existing() == before
    assert_complete(indexed)
    IndexGeneration.objects.update(not_before=None)
    assert build.run(generation.pk).status == IndexStatus.COMPLETED
    assert_complete(indexed)


def fails_at(wanted: str) -> AbstractContextManager[None]:
    """A cursor on which statements that contain it fail as on a full disk."""

    def fail(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if wanted in " ".join(sql.split()):
            raise OperationalError("no room left")
        return execute(sql, params, many, context)

    return connection.execute_wrapper(fail)


def test_too_little_memory_makes_a_slow_build_and_says_so(
    indexed: Dataset, passages: Document, import_text: ImportText, settings: Settings
) -> None:
    import_text(passages, rows(60, 1_500))
    indexes.drop(indexed)
    settings.SEGMILL_INDEX_MEMORY_MIB = 1
    with patch.object(plan, "rows_that_fit", return_value=100_000):
        done = built(indexed)

    assert done.status == IndexStatus.COMPLETED
    assert "SEGMILL_INDEX_MEMORY_MIB" in done.notes
    assert found(indexed, "The lamp number 100 stands in Kyiv.", exact=True)


def test_helpers_that_get_no_memory_are_done_without(indexed: Dataset) -> None:
    run_with = vector_part._run_with
    tried = []

    def fail(workers: int, statement: str) -> None:
        tried.append(workers)
        if workers:
            raise DatabaseError("no shared memory") from errors.DiskFull()
        run_with(workers, statement)

    indexes.drop(indexed)
    with patch.object(vector_part, "_run_with", fail):
        assert built(indexed).status == IndexStatus.COMPLETED
    assert tried == [1, 0]


def test_vectors_of_other_dimensions_are_named_and_nothing_is_built(
    small: None, passages: Document, import_text: ImportText
) -> None:
    import_text(passages, rows(0, 20))
    segment = DocumentSegment.objects.first()
    assert segment is not None
    DocumentSegment.objects.filter(pk=segment.pk).update(embedding=np.ones(3))
    done = built(passages.dataset)

    assert (done.status, done.error_code) == ("failed", "index_refused")
    assert "from 3 to 256 dimensions" in done.error
    with pytest.raises(SearchRefused, match="are not from its model"):
        found(passages.dataset, QUESTIONS[0])


def test_a_vector_of_other_dimensions_in_the_tail_is_refused_as_ever(indexed: Dataset) -> None:
    segment = DocumentSegment.objects.first()
    assert segment is not None
    DocumentSegment.objects.filter(pk=segment.pk).update(embedding=np.ones(3))

    with pytest.raises(SearchRefused, match="are not from its model"):
        found(indexed, QUESTIONS[0])


def test_vectors_of_too_many_dimensions_stay_exact_and_say_so(
    indexed: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexes.drop(indexed)
    monkeypatch.setattr(vector_part, "MAX_DIMENSIONS", 255)
    done = built(indexed)

    assert (done.status, done.vectors) == ("completed", 0)
    assert "are not indexed (255 at most)" in indexes.report_index(indexed).notes
    assert kinds_of_tables() == ["entries", "values", "words"]
    assert_complete(indexed)
    assert plan.is_worthwhile(indexed) is False


def test_a_build_that_is_cancelled_leaves_nothing(
    indexed: Dataset, passages: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_text(passages, rows(60, 70))
    monkeypatch.setattr("segments.indexing.pulse.SECONDS_BETWEEN_BEATS", 0.05)
    monkeypatch.setattr(vector_part, "FILL", "SELECT pg_sleep(60) -- {table}")
    generation = indexes.start_build(indexed, background=False)

    def cancel(now: IndexGeneration) -> None:
        if now.step == "copying vectors" and not now.is_final:
            indexes.cancel(now, "Not now.")

    done = build.run(generation.pk, cancel)

    assert (done.status, done.error) == ("cancelled", "Not now.")
    assert kinds_of_tables() == ["entries", "signatures", "values", "vectors", "words"]
    assert_complete(indexed)


def test_a_build_makes_way_for_an_import(
    indexed: Dataset, passages: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_text(passages, rows(60, 70))
    monkeypatch.setattr("segments.indexing.pulse.SECONDS_BETWEEN_BEATS", 0.05)
    monkeypatch.setattr(vector_part, "FILL", "SELECT pg_sleep(60) -- {table}")
    generation = indexes.start_build(indexed, background=False)
    build.take_turn(generation.pk, is_needed_elsewhere=lambda: True)

    generation.refresh_from_db()
    assert (generation.status, generation.attempts) == ("building", 0)
    assert generation.waits_for == "Imports go first."
    assert INDEXES.claim_work(generation.pk) is None  # it has a pause first


def test_nothing_new_ends_a_build_at_once(indexed: Dataset) -> None:
    done = built(indexed)

    assert (done.status, done.error) == ("cancelled", build.NOTHING_NEW)
    assert len(ranges(indexed)) == 1


def test_the_watermark_waits_for_whoever_may_have_drawn_versions(
    indexed: Dataset, passages: Document
) -> None:
    segment = DocumentSegment.objects.first()
    assert segment is not None
    other = connection.copy()
    waited: list[int] = []
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(
                "UPDATE segments_documentsegment SET content = 'later' WHERE id = %s "
                "RETURNING version",
                [segment.pk],
            )
            (version,) = cursor.fetchone()

        def wait() -> None:
            waited.append(1)
            assert not DocumentSegment.objects.filter(version=version).exists()
            if len(waited) == 3:
                other.commit()

        watermark = take_watermark(wait)
    finally:
        other.close()

    assert watermark >= version
    assert len(waited) >= 3
    assert DocumentSegment.objects.filter(version=version).exists()


def test_two_do_not_build_one_generation(indexed: Dataset, passages: Document) -> None:
    generation = IndexGeneration.objects.create(tenant=indexed.tenant, dataset=indexed)
    assert INDEXES.claim_work(generation.pk)
    assert INDEXES.claim_work(generation.pk) is None


def test_an_economy_dataset_covers_its_rows_without_vectors(
    small: None, economy: Dataset, passages: Document, import_text: ImportText
) -> None:
    document = Document.objects.create(
        tenant=economy.tenant, dataset=economy, name="texts", doc_form=passages.doc_form
    )
    import_text(document, rows(0, 20))
    done = built(economy)

    assert (done.status, done.rows, done.vectors) == ("completed", 20, 0)
    assert kinds_of_tables() == ["entries", "values", "words"]


def test_the_embedder_is_of_the_dimension_that_is_indexed(indexed: Dataset) -> None:
    assert generations_of(indexed)[0].dimensions == get_embedder(*indexed.model).dimensions
    assert ImportJob.objects.count() == 1

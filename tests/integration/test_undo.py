"""Undo: exactly what one import added goes, or nothing and a reason."""

import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import connection, connections, transaction
from django.db.models import Count, Sum

from datasets.models import Document
from segments.exceptions import ImportNotFound, StateConflict
from segments.imports.undo import undo
from segments.models import DocumentSegment, ImportJob
from segments.models.import_job import ImportStatus
from segments.services import imports
from segments.services.segments import NewText, delete_segments, update_segment

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

FIRST = "question,answer\nHow do I reset it?,Hold the button.\nWhere is it made?,In Ulm.\n"
SECOND = "question,answer\nIs it blue?,No.\n"
Contents = Callable[[Document], list[str]]


def totals(document: Document) -> tuple[int, int, int]:
    document.refresh_from_db()
    return document.segment_count, document.word_count, document.tokens


def true_totals(document: Document) -> tuple[int, int, int]:
    sums = DocumentSegment.objects.filter(document=document).aggregate(
        rows=Count("pk"), words=Sum("word_count", default=0), tokens=Sum("tokens", default=0)
    )
    return sums["rows"], sums["words"], sums["tokens"]


def test_exactly_what_the_import_added_goes(
    document: Document, import_text: ImportText, contents: Contents
) -> None:
    import_text(document, FIRST)
    before = totals(document)
    job = import_text(document, SECOND)

    undone = imports.undo_import(job)

    assert undone.undone_at is not None
    assert undone.status == ImportStatus.COMPLETED
    assert contents(document) == ["How do I reset it?", "Where is it made?"]
    assert totals(document) == before == true_totals(document)
    assert not DocumentSegment.objects.filter(search_vector="blue").exists()


def test_the_next_import_takes_the_freed_positions(
    document: Document, import_text: ImportText, contents: Contents
) -> None:
    import_text(document, FIRST)
    imports.undo_import(import_text(document, SECOND))

    import_text(document, SECOND)

    positions = DocumentSegment.objects.filter(document=document).values_list("position", flat=True)
    assert sorted(positions) == [1, 2, 3]
    assert totals(document) == true_totals(document)


def test_imports_are_undone_from_the_last_to_the_first(
    document: Document, import_text: ImportText
) -> None:
    first, second = (
        import_text(document, FIRST, "first.csv"),
        import_text(document, SECOND, "b.csv"),
    )

    with pytest.raises(StateConflict, match=r"“b\.csv”.*Undo that one first"):
        imports.undo_import(first)
    imports.undo_import(second)
    imports.undo_import(first)

    assert totals(document) == (0, 0, 0) == true_totals(document)


def test_another_document_is_not_in_the_way(
    document: Document, passages: Document, import_text: ImportText
) -> None:
    job = import_text(document, FIRST)
    import_text(passages, "content\nSomething else.\n")

    imports.undo_import(job)

    assert totals(document) == (0, 0, 0)
    assert totals(passages)[0] == 1


def test_a_changed_segment_stands_in_the_way(
    document: Document, import_text: ImportText, contents: Contents
) -> None:
    job = import_text(document, FIRST)
    second = DocumentSegment.objects.get(document=document, position=2)
    update_segment(second.pk, NewText("Where is it from?", "From Ulm."))

    with pytest.raises(StateConflict, match=r"1 segment of it was changed since .* number 2"):
        imports.undo_import(job)

    assert contents(document) == ["How do I reset it?", "Where is it from?"]
    job.refresh_from_db()
    assert job.undone_at is None


def test_deleted_segments_do_not_stand_in_the_way(
    document: Document, import_text: ImportText
) -> None:
    job = import_text(document, FIRST)
    delete_segments([DocumentSegment.objects.get(document=document, position=1).pk])

    imports.undo_import(job)

    assert totals(document) == (0, 0, 0) == true_totals(document)


def test_segments_added_by_other_means_stand_in_the_way(
    document: Document, import_text: ImportText
) -> None:
    job = import_text(document, FIRST)
    segment = DocumentSegment.objects.get(document=document, position=2)
    segment.pk, segment.position, segment.import_job = None, 3, None
    segment._state.adding = True
    segment.save()

    with pytest.raises(StateConflict, match="added to the document after this import"):
        imports.undo_import(job)


def test_undoing_twice_is_refused(document: Document, import_text: ImportText) -> None:
    job = imports.undo_import(import_text(document, FIRST))

    with pytest.raises(StateConflict, match="already undone"):
        imports.undo_import(job)


def test_what_is_not_completed_cannot_be_undone(
    document: Document, import_text: ImportText
) -> None:
    failed = import_text(document, "question,answer\nblank,\n")

    with pytest.raises(StateConflict, match="Only a completed import"):
        imports.undo_import(failed)


@pytest.mark.parametrize("field", ["rows_updated", "rows_deleted"])
def test_what_changed_older_segments_cannot_be_undone(
    document: Document, import_text: ImportText, field: str
) -> None:
    job = import_text(document, FIRST)
    ImportJob.objects.filter(pk=job.pk).update(**{field: 1})

    with pytest.raises(StateConflict, match="is not kept"):
        imports.undo_import(job)


def test_a_vanished_import_is_not_found(document: Document, import_text: ImportText) -> None:
    job = import_text(document, FIRST)
    Document.objects.filter(pk=document.pk).delete()

    with pytest.raises(ImportNotFound):
        undo(job.pk)


def in_thread(work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            with suppress(StateConflict):
                work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_an_import_that_is_published_first_wins_over_a_waiting_undo(
    document: Document, import_text: ImportText, contents: Contents
) -> None:
    job = import_text(document, FIRST)
    with transaction.atomic():
        Document.objects.select_for_update().get(pk=document.pk)  # as a publish holds it
        waiting = in_thread(lambda: imports.undo_import(job))
        wait_for_lock()
        add_as_an_import_would(document, job)
    waiting.join()

    assert len(contents(document)) == 3
    job.refresh_from_db()
    assert job.undone_at is None


def test_undo_and_new_imports_at_once_leave_a_whole_document(
    document: Document, import_text: ImportText
) -> None:
    for round_number in range(5):
        job = import_text(document, FIRST)
        undoing = in_thread(lambda job=job: imports.undo_import(job))  # type: ignore[misc]
        later = import_text(document, f"question,answer\nround {round_number}?,Yes.\n")
        undoing.join()

        assert later.status == ImportStatus.COMPLETED, later.error
        assert totals(document) == true_totals(document)
        job.refresh_from_db()
        left = DocumentSegment.objects.filter(import_job=job).count()
        assert left == (0 if job.undone_at else 2)


def wait_for_lock() -> None:
    """Until some other connection waits for a row of ours."""
    with connection.cursor() as cursor:
        for _ in range(1_000):
            cursor.execute("SELECT pg_sleep(0.01), count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[1]:
                return
    raise AssertionError("nobody waits")


def add_as_an_import_would(document: Document, job: ImportJob) -> None:
    segment = DocumentSegment.objects.get(import_job=job, position=2)
    segment.pk, segment.position, segment.import_job = None, 3, None
    segment._state.adding = True
    segment.save()

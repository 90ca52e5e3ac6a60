"""The whole way of a file, in one process: file → rows → vectors → published segments."""

from collections.abc import Callable
from hashlib import sha256

import pytest

from datasets.models import Dataset, DocForm, Document
from segments.models import DocumentSegment, StagedRow, StagedVector
from segments.models.import_job import ImportStatus

from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\nHow do I reset it?,Hold the button.\nWhere is it made?,In Ulm.\n"


def test_an_import_publishes_every_row_with_all_that_belongs_to_it(
    document: Document, import_text: ImportText
) -> None:
    job = import_text(document, QA)

    assert job.status == ImportStatus.COMPLETED, job.error
    assert (job.rows_total, job.rows_created, job.rows_embedded) == (2, 2, 2)
    first, second = DocumentSegment.objects.filter(document=document).order_by("position")
    assert (first.position, second.position) == (1, 2)
    assert (first.content, first.answer) == ("How do I reset it?", "Hold the button.")
    assert first.word_count == len("How do I reset it?Hold the button.")
    assert first.tokens == 6
    assert first.index_node_hash == sha256(b"How do I reset it?").hexdigest()
    assert len(first.embedding) == 256
    assert "button" in str(first.search_vector)
    assert first.import_job == job
    assert first.status == "completed"
    assert first.completed_at is not None
    assert first.indexing_at is not None


def test_document_totals_agree_with_its_segments(
    document: Document, import_text: ImportText
) -> None:
    import_text(document, QA)
    import_text(document, "question,answer\nIs it blue?,No.\n")

    document.refresh_from_db()
    segments = DocumentSegment.objects.filter(document=document)
    assert document.segment_count == segments.count() == 3
    assert document.word_count == sum(segment.word_count for segment in segments)
    assert document.tokens == sum(segment.tokens for segment in segments)


def test_positions_go_on_after_the_last_one(
    document: Document, import_text: ImportText, small_chunks: int
) -> None:
    rows = "".join(f"question {n},answer {n}\n" for n in range(small_chunks * 2 + 1))
    import_text(document, "question,answer\n" + rows)
    import_text(document, "question,answer\n" + rows)

    positions = DocumentSegment.objects.filter(document=document).values_list("position", flat=True)
    assert sorted(positions) == list(range(1, len(positions) + 1))


def test_the_same_file_again_embeds_nothing(
    document: Document, dataset: Dataset, import_text: ImportText, make_document: MakeDocument
) -> None:
    import_text(document, QA)

    again = import_text(make_document(dataset, "copy"), QA)

    assert (again.rows_embedded, again.rows_reused) == (0, 2)
    vectors = DocumentSegment.objects.filter(content="Where is it made?").values_list(
        "embedding", flat=True
    )
    original, reused = (list(vector) for vector in vectors if vector is not None)
    assert original == reused


def test_one_bad_row_at_the_end_changes_nothing(
    document: Document,
    import_text: ImportText,
    contents: Callable[[Document], list[str]],
    small_chunks: int,
) -> None:
    import_text(document, QA)
    before = Document.objects.filter(pk=document.pk).values().get()
    rows = "".join(f"question {n},answer {n}\n" for n in range(30))

    job = import_text(document, f"question,answer\n{rows}blank answer,  \n")

    assert job.status == ImportStatus.FAILED
    assert "line 32" in job.error
    assert Document.objects.filter(pk=document.pk).values().get() == before
    assert contents(document) == ["How do I reset it?", "Where is it made?"]


def test_nothing_stays_staged(document: Document, import_text: ImportText) -> None:
    import_text(document, QA)
    import_text(document, "question,answer\nblank,\n")

    assert not StagedRow.objects.exists()
    assert not StagedVector.objects.exists()


def test_an_economy_dataset_keeps_full_text_and_no_vectors(
    economy: Dataset, import_text: ImportText, make_document: MakeDocument
) -> None:
    job = import_text(make_document(economy), QA)

    assert job.status == ImportStatus.COMPLETED, job.error
    assert (job.rows_embedded, job.rows_created) == (0, 2)
    segments = DocumentSegment.objects.filter(dataset=economy)
    assert all(segment.embedding is None for segment in segments)
    assert segments.filter(search_vector="button").count() == 1


def test_cells_stay_text(
    dataset: Dataset,
    import_text: ImportText,
    make_document: MakeDocument,
    contents: Callable[[Document], list[str]],
) -> None:
    passages = make_document(dataset, "ids", DocForm.TEXT)

    import_text(passages, "content\n00123\nNA\nnull\n1e5\n")

    assert contents(passages) == ["00123", "NA", "null", "1e5"]


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("segment content", DocForm.TEXT),
        ("分段内容", DocForm.TEXT),
        ("question,answer", DocForm.QA),
        ("问题,答案", DocForm.QA),
    ],
)
def test_difys_templates_are_understood_in_english_and_chinese(
    header: str,
    form: DocForm,
    economy: Dataset,
    import_text: ImportText,
    make_document: MakeDocument,
    contents: Callable[[Document], list[str]],
) -> None:
    document = make_document(economy, "template", form)
    rows = "first,1\r\nsecond,2\r\n" if form == DocForm.QA else "first\r\nsecond\r\n"

    job = import_text(document, f"\ufeff{header}\r\n{rows}", "template.csv")

    assert job.status == ImportStatus.COMPLETED, job.error
    assert contents(document) == ["first", "second"]

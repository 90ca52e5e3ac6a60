"""Changes of single segments keep text, vector, full text, counts and totals in agreement."""

from hashlib import sha256

import numpy as np
import pytest
from django.contrib.auth.models import User

from datasets.models import Dataset, Document
from segments.embedding import get_embedder
from segments.exceptions import SegmentNotFound, SegmentRefused, TargetGone
from segments.models import DocumentSegment
from segments.services.segments import (
    NewText,
    apply_edit,
    delete_segments,
    prepare_edit,
    update_segment,
)

from .conftest import ImportText, MakeDocument
from .test_undo import totals, true_totals

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\nHow do I reset it?,Hold the button.\nWhere is it made?,In Ulm.\n"


@pytest.fixture
def segment(document: Document, import_text: ImportText) -> DocumentSegment:
    """The second segment of a document of two."""
    import_text(document, QA)
    return DocumentSegment.objects.get(document=document, position=2)


def test_all_that_belongs_to_a_text_changes_with_it(
    segment: DocumentSegment, document: Document, admin_user: User
) -> None:
    update_segment(segment.pk, NewText("Who builds it?", "Robots.", ["maker"]), admin_user)

    changed = DocumentSegment.objects.get(pk=segment.pk)
    assert (changed.content, changed.answer) == ("Who builds it?", "Robots.")
    assert changed.keywords == ["maker"]
    assert changed.word_count == len("Who builds it?Robots.")
    assert changed.index_node_hash == sha256(b"Who builds it?").hexdigest()
    expected = get_embedder("wordllama", "l2_supercat_256").embed_passages(["Who builds it?"])[0]
    assert np.allclose(changed.embedding, expected, atol=1e-6)
    assert "robot" in str(changed.search_vector)
    assert "ulm" not in str(changed.search_vector)
    assert changed.updated_by == admin_user
    assert changed.updated_at > changed.created_at
    assert totals(document) == true_totals(document)


def test_an_answer_alone_is_changed_without_the_model(
    segment: DocumentSegment, document: Document
) -> None:
    edit = prepare_edit(segment.pk, NewText(segment.content, "In Bremen."))
    assert edit.vector is None
    apply_edit(edit)

    changed = DocumentSegment.objects.get(pk=segment.pk)
    assert list(changed.embedding) == list(segment.embedding)
    assert "bremen" in str(changed.search_vector)
    assert totals(document) == true_totals(document)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        (NewText("  ", "An answer."), "content"),
        (NewText("A question?", ""), "answer"),
        (NewText("A question?", "NUL \0."), "answer"),
        (NewText("x" * 100_001, "An answer."), "content"),
        (NewText("many words " * 9_000, "An answer."), "content"),
    ],
    ids=["blank", "no-answer", "nul", "long-cell", "over-token-limit"],
)
def test_the_rules_of_an_import_hold(segment: DocumentSegment, text: NewText, column: str) -> None:
    with pytest.raises(SegmentRefused) as refusal:
        update_segment(segment.pk, text)

    assert [problem.column for problem in refusal.value.problems] == [column]
    assert DocumentSegment.objects.get(pk=segment.pk).content == segment.content


def test_a_passage_has_no_answer(passages: Document, import_text: ImportText) -> None:
    import_text(passages, "content\nA passage.\n")
    passage = DocumentSegment.objects.get(document=passages)

    update_segment(passage.pk, NewText("Another passage.", "An answer"))

    assert DocumentSegment.objects.get(pk=passage.pk).answer is None
    assert totals(passages) == true_totals(passages)


def test_an_economy_segment_gets_no_vector(
    economy: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    document = make_document(economy)
    import_text(document, QA)
    segment = DocumentSegment.objects.get(document=document, position=1)

    update_segment(segment.pk, NewText("How?", "So."))

    assert DocumentSegment.objects.get(pk=segment.pk).embedding is None


def test_switching_off_notes_when_and_by_whom(segment: DocumentSegment, admin_user: User) -> None:
    text = NewText(segment.content, segment.answer, enabled=False)
    update_segment(segment.pk, text, admin_user)
    off = DocumentSegment.objects.get(pk=segment.pk)
    assert (off.enabled, off.disabled_by) == (False, admin_user)
    assert off.disabled_at is not None

    update_segment(segment.pk, text)
    assert DocumentSegment.objects.get(pk=segment.pk).disabled_at == off.disabled_at

    update_segment(segment.pk, NewText(segment.content, segment.answer))
    on = DocumentSegment.objects.get(pk=segment.pk)
    assert (on.enabled, on.disabled_at, on.disabled_by) == (True, None, None)


def test_an_edit_of_a_text_that_changed_meanwhile_is_refused(segment: DocumentSegment) -> None:
    prepared = prepare_edit(segment.pk, NewText(segment.content, "Elsewhere."))
    update_segment(segment.pk, NewText("Something else?", "Yes."))

    with pytest.raises(TargetGone, match="has just been changed"):
        apply_edit(prepared)


def test_an_edit_is_refused_when_the_model_changed_meanwhile(
    segment: DocumentSegment, dataset: Dataset
) -> None:
    prepared = prepare_edit(segment.pk, NewText("New?", "Yes."))
    Dataset.objects.filter(pk=dataset.pk).update(embedding_model="another")

    with pytest.raises(TargetGone, match="model has just changed"):
        apply_edit(prepared)


def test_a_vanished_segment_is_not_found(segment: DocumentSegment) -> None:
    delete_segments([segment.pk])

    with pytest.raises(SegmentNotFound):
        update_segment(segment.pk, NewText("Still there?", "No."))


def test_deleting_moves_the_totals_of_every_document(
    segment: DocumentSegment, document: Document, passages: Document, import_text: ImportText
) -> None:
    import_text(passages, "content\nOne.\nTwo.\n")
    two = DocumentSegment.objects.get(document=passages, content="Two.")

    assert delete_segments([segment.pk, two.pk, two.pk]) == 2

    for filled in (document, passages):
        assert totals(filled)[0] == 1
        assert totals(filled) == true_totals(filled)
    assert delete_segments([segment.pk]) == 0

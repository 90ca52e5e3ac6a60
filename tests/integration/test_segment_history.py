"""Changes of segments are kept, shown and taken back; selections are changed together."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from datasets.models import Document
from segments.exceptions import ActionRefused
from segments.models import DocumentSegment, SegmentChange
from segments.search import SearchMethod, search
from segments.services import bulk_edits, history
from segments.services.bulk_edits import KeywordsAction
from segments.services.segments import NewText, delete_segments, update_segment

from .conftest import ImportText
from .test_undo import totals, true_totals

pytestmark = pytest.mark.django_db(transaction=True)

QA = (
    "question,answer,metadata.price\nHow do I reset it?,Hold the button.,12\n"
    "Where is it made?,In Ulm.,\nWho sells it?,Everybody.,7\n"
)


@pytest.fixture
def segments(document: Document, import_text: ImportText) -> list[DocumentSegment]:
    assert import_text(document, QA).error == ""
    return list(DocumentSegment.objects.filter(document=document).order_by("position"))


def kinds(segment: DocumentSegment) -> list[str]:
    return list(history.changes_of(segment.pk).values_list("kind", flat=True))


def test_an_edit_keeps_the_old_text_and_goes_back(
    segments: list[DocumentSegment], document: Document, admin_user: User
) -> None:
    segment = segments[1]
    update_segment(segment.pk, NewText("Where is it made?", "In Bremen.", ["place"]), admin_user)

    (version,) = history.versions(history.changes_of(segment.pk))
    assert version.change.changed_by == admin_user
    answer, keywords = version.parts
    assert [(piece.text, piece.is_changed) for piece in answer.before] == [
        ("In ", False),
        ("Ulm", True),
        (".", False),
    ]
    assert [piece.text for piece in answer.after if piece.is_changed] == ["Bremen"]
    assert (keywords.before, keywords.after[0].text) == ([], "place")

    assert bulk_edits.restore(version.change, admin_user) == segment.pk
    segment.refresh_from_db()
    assert (segment.answer, segment.keywords) == ("In Ulm.", None)
    assert kinds(segment) == ["edited", "edited"]
    assert totals(document) == true_totals(document)


def test_a_deleted_segment_is_put_back_and_found(
    segments: list[DocumentSegment], document: Document, admin_user: User
) -> None:
    segment = segments[0]
    delete_segments([segment.pk], admin_user)
    (change,) = history.deletions_in(document)
    assert change.before["metadata"] == {"price": "12"}

    restored = bulk_edits.restore(change, admin_user)

    assert restored != segment.pk
    (hit,) = search(document.dataset, "reset", SearchMethod.FULL_TEXT)
    assert (hit.segment_id, hit.answer, hit.metadata) == (
        restored,
        "Hold the button.",
        {"price": "12"},
    )
    assert totals(document) == true_totals(document)


def test_an_unchanged_edit_leaves_no_history(segments: list[DocumentSegment]) -> None:
    segment = segments[0]
    update_segment(segment.pk, NewText(segment.content, segment.answer))
    assert kinds(segment) == []


def test_an_import_that_updates_keeps_what_it_replaced(
    segments: list[DocumentSegment], document: Document, import_text: ImportText
) -> None:
    job = import_text(
        document,
        "question,answer\nHow do I reset it?,Pull the plug.\nWhere is it made?,In Ulm.\n",
        mode="upsert",
    )
    assert job.rows_updated == 1
    (change,) = SegmentChange.objects.all()
    assert (change.segment_id, change.kind, change.import_id) == (segments[0].pk, "edited", job.pk)
    assert change.before == history.state_of(segments[0])
    assert (change.after or {})["answer"] == "Pull the plug."

    bulk_edits.restore(change)
    segments[0].refresh_from_db()
    assert segments[0].answer == "Hold the button."


def test_a_selection_is_changed_together(segments: list[DocumentSegment], admin_user: User) -> None:
    ids = [segment.pk for segment in segments]

    assert bulk_edits.switch_segments(ids[:2], on=False, user=admin_user) == 2
    assert bulk_edits.switch_segments(ids, on=False, user=admin_user) == 1
    off = DocumentSegment.objects.get(pk=ids[0])
    assert off.disabled_at is not None
    assert off.disabled_by == admin_user
    assert bulk_edits.switch_segments(ids, on=True) == 3
    assert DocumentSegment.objects.get(pk=ids[0]).disabled_at is None

    assert bulk_edits.set_keywords(ids, [" a ", "b", "a"], KeywordsAction.ADD) == 3
    assert bulk_edits.set_keywords(ids, ["b"], KeywordsAction.REMOVE) == 3
    assert bulk_edits.set_keywords(ids, ["a"], KeywordsAction.ADD) == 0
    assert DocumentSegment.objects.get(pk=ids[2]).keywords == ["a"]
    assert bulk_edits.set_keywords(ids, [], KeywordsAction.REPLACE) == 3
    assert DocumentSegment.objects.get(pk=ids[2]).keywords is None

    assert bulk_edits.set_metadata(ids, {"price": "7"}) == 2
    assert bulk_edits.set_metadata(ids, {"price": None}) == 3
    assert DocumentSegment.objects.get(pk=ids[0]).metadata == {}
    with pytest.raises(ActionRefused, match="needs a name"):
        bulk_edits.set_metadata(ids, {" ": "7"})
    assert kinds(segments[2])[-2:] == ["switched_on", "switched_off"]


def test_history_goes_with_its_document(
    segments: list[DocumentSegment], document: Document
) -> None:
    delete_segments([segments[0].pk])
    document.delete()
    assert not SegmentChange.objects.exists()


Post = Callable[..., object]


@pytest.fixture
def post(admin_client: Client) -> Callable[..., str]:
    """Posts to a page of the admin and reads what comes of it."""

    def send(url: str, **fields: object) -> str:
        answer = admin_client.post(url, fields, follow=True)
        assert answer.status_code == 200
        return answer.content.decode()

    return send


def test_the_pages_edit_show_and_restore(
    segments: list[DocumentSegment],
    document: Document,
    admin_client: Client,
    post: Callable[..., str],
) -> None:
    segment = segments[0]
    change = reverse("admin:segments_documentsegment_change", args=[segment.pk])
    text = {"content": segment.content, "answer": "Press it.", "enabled": "on"}
    post(change, **text, keywords="a, b", metadata="price: 13\ncolour: red")
    segment.refresh_from_db()
    assert segment.metadata == {"price": "13", "colour": "red"}
    assert "“red” is not “name: value”" in post(change, **text, metadata="red")

    page = admin_client.get(reverse("admin:segments_documentsegment_history", args=[segment.pk]))
    shown = page.content.decode()
    assert "<del>Hold</del>" in shown
    assert "by admin" in shown
    (kept,) = history.changes_of(segment.pk)
    back = reverse("admin:segments_documentsegment_restore", args=[kept.pk])
    assert "says again what it said" in post(back)
    segment.refresh_from_db()
    assert (segment.answer, segment.metadata) == ("Hold the button.", {"price": "12"})

    assert "was deleted successfully" in post(
        reverse("admin:segments_documentsegment_delete", args=[segment.pk]), post="yes"
    )
    page = admin_client.get(reverse("admin:segments_documentsegment_deleted", args=[document.pk]))
    assert "Put it back" in page.content.decode()
    deleted = history.deletions_in(document)[0]
    restore = reverse("admin:segments_documentsegment_restore", args=[deleted.pk])
    assert "end of its document again" in post(restore)


def test_a_segment_is_added_by_hand(document: Document, post: Callable[..., str]) -> None:
    url = reverse("admin:segments_documentsegment_add")
    assert "number 1" in post(url, document=document.pk, content="Why?", answer="Because.")
    assert "errorlist" in post(url, document=document.pk, content="Why?", answer=" ")
    document.refresh_from_db()
    assert document.segment_count == 1


def test_the_actions_of_the_list(segments: list[DocumentSegment], post: Callable[..., str]) -> None:
    url = reverse("admin:segments_documentsegment_changelist")
    chosen = {"_selected_action": [str(each.pk) for each in segments[:2]]}
    assert "2 segments changed." in post(url, action="switch_off", **chosen)
    assert "0 segments changed, 2 already were" in post(url, action="switch_off", **chosen)
    assert "Change 2 segments together" in post(url, action="change_together", **chosen)
    together = {"action": "change_together", "together": "yes", **chosen}
    assert "Choose what becomes" in post(url, **together)
    assert "2 segments changed." in post(url, **together, name="team", value="north")
    assert DocumentSegment.objects.filter(metadata__team="north").count() == 2

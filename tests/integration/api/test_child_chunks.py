"""Hierarchical documents by HTTP: parts are found, passages answered, and all of it is edited."""

from typing import Any

import pytest

from datasets.models import Dataset, Document
from segments.exceptions import SegmentChanged
from segments.models import DocumentSegment, ImportJob, ParentSegment
from segments.services import imports
from segments.services.parents import change_parent
from segments.services.segments import SegmentChanges

from ..api_client import Api
from ..roles import LogIn
from .test_texts import run, status_of

pytestmark = pytest.mark.django_db(transaction=True)

RULE = {
    "mode": "hierarchical",
    "rules": {
        "segmentation": {"separator": "\n\n", "max_tokens": 500},
        "parent_mode": "paragraph",
        "subchunk_segmentation": {"separator": "\n", "max_tokens": 60},
    },
}
TEXT = (
    "The lamp is green.\nHold the button to reset the lamp.\n\n"
    "The pump moves water.\nClean the filter every week.\nNever run it dry."
)


def made(api: Api, dataset: Dataset, rule: dict[str, Any] = RULE, text: str = TEXT) -> str:
    path = f"datasets/{dataset.pk}/document/create-by-text"
    body = {"name": "manual", "text": text, "doc_form": "hierarchical_model", "process_rule": rule}
    answer = api.post(path, body)
    assert answer.status_code == 200, answer.json()
    run()
    status = status_of(api, dataset, answer.json()["batch"])
    assert (status["error"], status["indexing_status"]) == (None, "completed")
    return f"datasets/{dataset.pk}/documents/{answer.json()['document']['id']}"


def passages(api: Api, document: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"{document}/segments").json()["data"]
    return found


def records(api: Api, dataset: Dataset, query: str) -> list[dict[str, Any]]:
    answer = api.post(f"datasets/{dataset.pk}/retrieve", {"query": query})
    assert answer.status_code == 200, answer.json()
    found: list[dict[str, Any]] = answer.json()["records"]
    return found


def test_a_search_finds_the_part_and_answers_the_passage(api: Api, dataset: Dataset) -> None:
    document = made(api, dataset)

    lamp, pump = passages(api, document)
    assert [child["content"] for child in pump["child_chunks"]] == [
        "The pump moves water.",
        "Clean the filter every week.",
        "Never run it dry.",
    ]
    assert (lamp["position"], pump["position"]) == (1, 2)
    assert pump["content"].startswith("The pump moves water.\nClean")
    first = records(api, dataset, "How often is the filter cleaned?")[0]
    assert first["segment"]["id"] == pump["id"]
    assert first["segment"]["content"] == pump["content"]
    assert first["child_chunks"][0]["content"] == "Clean the filter every week."
    assert first["child_chunks"][0]["score"] == first["score"]
    ids = [record["segment"]["id"] for record in records(api, dataset, "lamp or pump")]
    assert len(ids) == len(set(ids)) == 2


def test_the_whole_document_as_one_passage(api: Api, dataset: Dataset) -> None:
    rules = {**RULE["rules"], "parent_mode": "full-doc"}  # type: ignore[dict-item]
    document = made(api, dataset, {"mode": "hierarchical", "rules": rules})

    (whole,) = passages(api, document)

    assert whole["content"] == TEXT
    assert whole["child_chunks"] == []
    listed = api.get(f"{document}/segments/{whole['id']}/child_chunks?limit=2").json()
    assert (listed["total"], listed["total_pages"], len(listed["data"])) == (5, 3, 2)
    assert records(api, dataset, "filter")[0]["segment"]["id"] == whole["id"]


def test_another_text_keeps_passages_and_parts_that_stay(api: Api, dataset: Dataset) -> None:
    document = made(api, dataset)
    lamp, pump = passages(api, document)
    text = TEXT.replace("Never run it dry.", "Store it warm.").replace("\n\n", "\n\nNew.\n\n")

    answer = api.post(
        f"{document}/update-by-text", {"name": "manual", "text": text, "process_rule": RULE}
    )
    assert answer.status_code == 200, answer.json()
    run()

    first, new, last = passages(api, document)
    assert first["id"] == lamp["id"]
    assert first["child_chunks"] == lamp["child_chunks"]
    assert new["content"] == "New."
    assert last["id"] != pump["id"]
    kept = [child["id"] for child in pump["child_chunks"][:2]]
    assert [child["id"] for child in last["child_chunks"][:2]] == kept
    assert ImportJob.objects.latest("created_at").rows_embedded == 2
    assert ParentSegment.objects.count() == 3


def test_passages_are_added_changed_and_deleted(api: Api, dataset: Dataset) -> None:
    document = made(api, dataset)
    body = {"segments": [{"content": "Doors open inwards.\nWindows do not.", "keywords": ["door"]}]}
    (added,) = api.post(f"{document}/segments", body).json()["data"]
    assert [child["content"] for child in added["child_chunks"]] == [
        "Doors open inwards.",
        "Windows do not.",
    ]
    assert added["position"] == 3
    path = f"{document}/segments/{added['id']}"

    change = {"content": "Doors slide.", "regenerate_child_chunks": True}
    changed = api.post(path, {"segment": change}).json()["data"]
    assert [child["content"] for child in changed["child_chunks"]] == ["Doors slide."]
    assert records(api, dataset, "doors")[0]["segment"]["content"] == "Doors slide."
    api.post(path, {"segment": {"enabled": False}})
    assert added["id"] not in {r["segment"]["id"] for r in records(api, dataset, "doors")}
    assert api.delete(path).json() == {"result": "success"}
    assert len(passages(api, document)) == 2
    assert not DocumentSegment.objects.filter(parent=added["id"]).exists()


def test_parts_are_added_changed_and_deleted(api: Api, dataset: Dataset) -> None:
    document = made(api, dataset)
    lamp = passages(api, document)[0]
    path = f"{document}/segments/{lamp['id']}/child_chunks"

    added = api.post(path, {"content": "Bulbs screw in clockwise."}).json()["data"]
    assert (added["segment_id"], added["type"]) == (lamp["id"], "customized")
    assert records(api, dataset, "bulbs clockwise")[0]["segment"]["id"] == lamp["id"]
    one = f"{path}/{added['id']}"
    changed = api.patch(one, {"content": "Fuses are red."}).json()["data"]
    assert (changed["id"], changed["content"]) == (added["id"], "Fuses are red.")
    assert [child["content"] for child in api.get(f"{path}?keyword=fuse").json()["data"]] == [
        "Fuses are red."
    ]
    assert api.delete(one).status_code == 200
    assert api.delete(one).status_code == 404
    assert api.post(path, {"content": " "}).status_code == 400


def test_an_import_of_passages_is_undone(api: Api, dataset: Dataset) -> None:
    made(api, dataset)

    imports.undo_import(ImportJob.objects.get())

    assert not ParentSegment.objects.exists()
    assert not DocumentSegment.objects.exists()
    assert Document.objects.get().segment_count == 0


def test_a_document_is_deleted_with_its_passages(api: Api, dataset: Dataset) -> None:
    document = made(api, dataset)

    assert api.delete(document).status_code == 200

    assert not ParentSegment.objects.exists()
    assert not DocumentSegment.objects.exists()


def test_other_documents_have_no_parts(api: Api, dataset: Dataset) -> None:
    body = {"name": "plain", "text": "Text."}
    plain = api.post(f"datasets/{dataset.pk}/document/create-by-text", body).json()["document"][
        "id"
    ]
    run()
    path = f"datasets/{dataset.pk}/documents/{plain}"
    segment = DocumentSegment.objects.get()

    parts = api.get(f"{path}/segments/{segment.pk}/child_chunks")
    assert (parts.status_code, "not hierarchical" in parts.json()["message"]) == (400, True)
    wrong = {"name": "plain", "text": "Other.", "process_rule": RULE}
    assert api.post(f"{path}/update-by-text", wrong).status_code == 400


def test_a_passage_is_changed_only_as_it_was_read(api: Api, dataset: Dataset) -> None:
    document = made(api, dataset)
    read = ParentSegment.objects.select_related("document__dataset").first()
    assert read is not None
    path = f"{document}/segments/{read.pk}"
    seen = api.get(path)["ETag"]
    change = {"segment": {"content": "The lamp is red."}}

    first = api.post(path, change, **{"If-Match": seen})
    second = api.post(path, change, **{"If-Match": seen})

    assert (first.status_code, second.status_code) == (200, 412)
    with pytest.raises(SegmentChanged):  # what was read before the other change is of no help
        change_parent(read, SegmentChanges(content="The lamp is blue."), if_match=[seen])


def test_a_document_counts_its_passages(api: Api, dataset: Dataset) -> None:
    shown = api.get(made(api, dataset)).json()

    assert shown["segment_count"] == 2
    assert shown["word_count"] == sum(ParentSegment.objects.values_list("word_count", flat=True))


def test_a_passage_is_corrected_in_the_admin(api: Api, dataset: Dataset, log_in: LogIn) -> None:
    made(api, dataset)
    passage = ParentSegment.objects.earliest("position")
    address = f"/admin/segments/parentsegment/{passage.pk}/change/"
    editor = log_in("editor")

    assert b"The lamp is green." in editor.get("/admin/segments/parentsegment/").content
    assert b"Hold the button to reset the lamp." in editor.get(address).content
    form = {"content": "The lamp is red.", "keywords": "lamp", "enabled": "on", "cut_again": "on"}
    assert editor.post(address, form).status_code == 302
    changed = ParentSegment.objects.get(pk=passage.pk)
    assert (changed.content, changed.keywords) == ("The lamp is red.", ["lamp"])
    parts = DocumentSegment.objects.filter(parent=passage).values_list("content", flat=True)
    assert list(parts) == ["The lamp is red."]
    refused = editor.post(address, form | {"content": " "})
    assert refused.status_code == 200
    assert log_in("outsider").get(address).status_code == 404

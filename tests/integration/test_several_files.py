"""Several files in one command; datasets listed and deleted; an undo that is not offered."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from datasets.models import Dataset, Document
from segments.models import DocumentSegment
from segments.operations.doctor.data import SearchedDocumentsCheck
from segments.services.segments import NewText, update_segment

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

ECONOMY = ("--create", "--indexing-technique", "economy", "--tenant", "acme", "--dataset", "all")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b.csv").write_text("content\nSecond.\n")
    (tmp_path / "a.csv").write_text("content\nFirst.\n")
    (tmp_path / ".hidden.csv").write_text("content\nNever.\n")
    (tmp_path / "picture.png").write_bytes(b"no text")
    return tmp_path


def contents() -> list[tuple[str, str]]:
    segments = DocumentSegment.objects.order_by("document__name", "position")
    return list(segments.values_list("document__name", "content"))


def test_each_file_of_a_folder_gets_its_document(folder: Path) -> None:
    call_command("import_segments", folder, *ECONOMY, stdout=StringIO(), stderr=StringIO())
    assert contents() == [("a", "First."), ("b", "Second.")]


def test_a_bad_file_stops_no_other_and_fails_the_command(folder: Path) -> None:
    files = (folder / "gone.csv", folder / "a.csv", folder / "b.csv")
    with pytest.raises(CommandError, match=r"Not imported: 1 of 3 files: .*gone\.csv"):
        call_command(
            "import_segments", *files, *ECONOMY, "--document", "one",
            stdout=StringIO(), stderr=StringIO(),
        )  # fmt: skip
    assert contents() == [("one", "First."), ("one", "Second.")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--document", "x", "--mode", "replace"], "would remove what the file before it brought"),
        (["--report", "bad.csv"], "one file at a time"),
    ],
)
def test_what_fits_one_file_alone_is_refused(
    folder: Path, arguments: list[str], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("import_segments", folder, *ECONOMY, *arguments)


def test_a_folder_without_files_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"has no file of these kinds: .*\.csv"):
        call_command("import_segments", tmp_path, *ECONOMY)


def test_datasets_are_listed_and_deleted(document: Document, import_text: ImportText) -> None:
    import_text(document, "question,answer\nWhy?,So.\n")
    out = StringIO()
    call_command("datasets", "list", "--json", stdout=out)
    (listed,) = json.loads(out.getvalue())
    assert (listed["name"], listed["documents"], listed["segments"]) == ("handbook", 1, 1)

    with pytest.raises(CommandError, match="1 document and 1 segment"):
        call_command("datasets", "delete", "handbook", "--tenant", "acme")
    with pytest.raises(CommandError, match="Did you mean"):
        call_command("datasets", "delete", "handbok", "--tenant", "acme", "--yes")
    call_command("datasets", "delete", "handbook", "--tenant", "acme", "--yes", stdout=out)
    assert not Dataset.objects.exists()


def test_an_undo_that_would_be_refused_is_not_offered(
    document: Document, import_text: ImportText, admin_client: Client
) -> None:
    job = import_text(document, "question,answer\nWhy?,So.\nHow?,Thus.\n")
    page = reverse("admin:segments_importjob_change", args=[job.pk])
    undo = reverse("admin:segments_importjob_undo", args=[job.pk])
    assert "Undo the import" in admin_client.get(page).content.decode()
    first, second = DocumentSegment.objects.order_by("position")
    second.delete()
    assert "Remove 1 segment" in admin_client.get(undo).content.decode()

    update_segment(first.pk, NewText("Why?", "Because."))
    for url in (page, undo):
        shown = admin_client.get(url).content.decode()
        assert "cannot be undone" in shown
        assert "1 segment of it was changed since" in shown
    assert "Remove 1 segment" not in shown


def test_the_doctor_names_documents_that_search_leaves_out(
    document: Document, import_text: ImportText
) -> None:
    import_text(document, "question,answer\nWhy?,So.\n")
    assert list(SearchedDocumentsCheck().look()) == []
    Document.objects.update(archived=True)
    (problem,) = SearchedDocumentsCheck().look()
    assert "“faq” of dataset “handbook” with its 1 segment: it is archived" in problem.text

"""The preview page: what it offers for a file that cannot be imported as it is."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from datasets.models import Dataset, DocForm, Document
from tests.documents import pdf

from .conftest import ImportText, MakeDocument
from .roles import LogIn

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\nWhere is it?,In Köln.\n"


@pytest.fixture
def editor(log_in: LogIn) -> Client:
    return log_in("editor")


def preview(client: Client, document: Document, content: bytes, name: str = "rows.csv") -> str:
    """The address of the preview of a file."""
    address = reverse("admin:segments_importjob_new", args=[document.pk])
    answer = client.post(address, {"file": SimpleUploadedFile(name, content)})
    return str(answer.headers["Location"])


def test_a_file_that_cannot_be_opened_can_be_read_in_another_way(
    editor: Client, document: Document
) -> None:
    address = preview(editor, document, b"\xfe\xff" + QA.encode("utf-16-le"))

    page = editor.get(address)
    assert "there is no content column" in page.context["error"]
    assert 'name="encoding"' in page.content.decode()
    assert "Refresh preview" in page.content.decode()
    shown = editor.get(f"{address}&encoding=utf-16-le").context["preview"]
    assert (shown.good, shown.sample[0].answer) == (1, "In Köln.")


def test_a_sync_with_bad_rows_is_not_offered(
    editor: Client, document: Document, import_text: ImportText
) -> None:
    import_text(document, QA)
    address = preview(editor, document, f"{QA}Why?,\n".encode())

    page = editor.get(f"{address}&mode=sync").content.decode()
    assert "the segments of bad rows would be lost" in page
    assert "Import: create" not in page
    upsert = editor.get(f"{address}&mode=upsert").content.decode()
    assert "Import: create 0, update 0" in upsert


def test_the_columns_found_are_named_where_others_may_be_chosen(
    editor: Client, document: Document
) -> None:
    page = editor.get(preview(editor, document, QA.encode())).content.decode()

    assert "detected: question" in page
    assert "not found" in page


@pytest.mark.parametrize("content", [b"%PDF-1.7\nnothing", pdf([[], []])], ids=["cut", "pictures"])
def test_a_pdf_that_nobody_can_read_is_refused_where_it_is_chosen(
    editor: Client, document: Document, content: bytes
) -> None:
    for page in (
        reverse("admin:segments_importjob_upload"),
        reverse("admin:segments_importjob_new", args=[document.pk]),
    ):
        posted = {"file": SimpleUploadedFile("manual.pdf", content)}
        answer = editor.post(page, posted, headers={"accept": "application/json"})
        assert "manual.pdf" in answer.json()["error"]


def test_passages_with_parts_have_fields_for_both_cuts(
    editor: Client, dataset: Dataset, make_document: MakeDocument
) -> None:
    whole = make_document(dataset, "guides", DocForm.HIERARCHICAL)
    address = preview(editor, whole, b"# Pump\n\nOil it. Weekly.", "guide.md")

    page = editor.get(
        f"{address}&child_tokens=60&child_separator=.&chunk_tokens=90&cleaning=nothing"
    )
    shown = page.content.decode()
    assert 'name="child_tokens" inputmode="numeric" value="60"' in shown
    assert 'name="chunk_tokens" inputmode="numeric" value="90"' in shown
    assert 'name="parent_mode"' in shown
    assert 'value="remove_extra_spaces" checked' not in shown


def test_what_was_chosen_stays_beside_a_refused_value(editor: Client, document: Document) -> None:
    page = editor.get(f"{preview(editor, document, QA.encode())}&header_row=x&encoding=utf-8")

    assert "“Row of the header”" in page.content.decode()
    assert page.context["options"].encoding == "utf-8"


def propose(client: Client, content: str, name: str) -> str:
    """The address of the preview of a file that is uploaded first."""
    posted = {"file": SimpleUploadedFile(name, content.encode())}
    answer = client.post(reverse("admin:segments_importjob_upload"), posted)
    return str(answer.headers["Location"])


def test_the_same_rows_again_are_proposed_as_an_update(
    editor: Client, document: Document, import_text: ImportText
) -> None:
    import_text(document, QA)

    page = editor.get(propose(editor, f"{QA}Why?,So.\n", f"{document.name}.csv")).content.decode()
    assert f"1 of 2 rows is in “{document.name}” already" in page
    assert "Import: create 1, update 0" in page


def test_publishing_nothing_is_not_contradicted_by_a_button(
    editor: Client, document: Document
) -> None:
    address = propose(editor, f"{QA}Why?,\n", "new.csv")

    assert "Import the 1 good row" in editor.get(address).content.decode()
    page = editor.get(f"{address}&on_error=abort").content.decode()
    assert "nothing would be imported" in page
    assert "Import the 1 good row" not in page


GERMAN = "question,answer\n" + "".join(
    f"Wie wechsle ich das Rad am Modell {n}?,Die Schraube {n} lösen und das Rad abnehmen.\n"
    for n in range(30)
)
SPANISH = "question,answer\n" + "".join(
    f"¿Cómo se cambia la rueda del modelo {n}?,Se afloja el tornillo {n} y se quita la rueda.\n"
    for n in range(30)
)


def test_a_file_in_another_language_gets_a_dataset_of_its_own(
    editor: Client, document: Document, import_text: ImportText
) -> None:
    import_text(document, GERMAN)

    alike = editor.get(propose(editor, GERMAN, "mehr.csv")).context["place"]
    assert alike["dataset_name"] == document.dataset.name
    other = editor.get(propose(editor, SPANISH, "bicis.csv")).context["place"]
    assert other["dataset_name"] == "bicis"

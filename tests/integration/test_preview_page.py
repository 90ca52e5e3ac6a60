"""The preview page: what it offers for a file that cannot be imported as it is."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from datasets.models import Document

from .conftest import ImportText
from .roles import LogIn

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\nWhere is it?,In Köln.\n"


@pytest.fixture
def editor(log_in: LogIn) -> Client:
    return log_in("editor")


def preview(client: Client, document: Document, content: bytes) -> str:
    """The address of the preview of a file."""
    address = reverse("admin:segments_importjob_new", args=[document.pk])
    answer = client.post(address, {"file": SimpleUploadedFile("rows.csv", content)})
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

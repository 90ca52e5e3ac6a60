"""Files in the admin: columns chosen, plans shown, bad rows mended, documents exported."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from datasets.models import Document
from segments import tasks
from segments.models import DocumentSegment, ImportJob

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browser() -> Client:
    """Somebody who may do everything."""
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def preview_url(browser: Client, document: Document) -> Callable[[bytes], str]:
    """Stores a file and tells where it is looked at."""

    def store(content: bytes) -> str:
        new = reverse("admin:segments_importjob_new", args=[document.pk])
        answer = browser.post(new, {"file": SimpleUploadedFile("faq.csv", content)})
        assert answer.status_code == 302, answer.content
        return str(answer["Location"])

    return store


def confirmed(browser: Client, document: Document, page: Any, **fields: Any) -> ImportJob:
    """Start the import of the page and run it."""
    confirm = reverse("admin:segments_importjob_confirm", args=[document.pk])
    given: dict[str, Any] = {"file": page.context["reference"], "on_error": "abort"}
    for name, value in page.context["given"]:
        given.setdefault(name, []).append(value) if name == "map" else given.update({name: value})
    browser.post(confirm, given | fields)
    job = ImportJob.objects.latest("created_at")
    tasks.run_import(str(job.pk))
    job.refresh_from_db()
    return job


def test_columns_are_chosen_on_the_page_and_remembered(
    browser: Client, document: Document, preview_url: Callable[[bytes], str]
) -> None:
    url = preview_url(b"Alpha;Beta\nA?;1\n")
    page = browser.get(url)
    assert "no answer column" in page.content.decode()
    assert 'value="content=Alpha"' in page.content.decode()

    page = browser.get(f"{url}&map=content%3DAlpha&map=answer%3DBeta&map=&mode=sync")
    job = confirmed(browser, document, page)

    assert (job.status, job.rows_created) == ("completed", 1), job.error
    again = browser.get(preview_url(b"Alpha;Beta\nB?;2\n")).content.decode()
    assert "as last time: content = “Alpha”" in again


def test_the_page_shows_the_plan_before_and_after(
    browser: Client,
    document: Document,
    preview_url: Callable[[bytes], str],
    import_text: ImportText,
) -> None:
    import_text(document, "question,answer\nA?,old\nB?,2\n")
    url = preview_url(b"question,answer\nA?,new\n")

    page = browser.get(f"{url}&mode=sync")

    assert page.context["preview"].plan.removed == 1
    text = page.content.decode()
    assert "old" in text
    assert "new" in text
    job = confirmed(browser, document, page)
    assert (job.rows_updated, job.rows_deleted) == (1, 1)


def test_a_wrong_option_is_said_on_the_page(
    browser: Client, preview_url: Callable[[bytes], str]
) -> None:
    page = browser.get(preview_url(b"question,answer\nA?,1\n") + "&mode=merge")
    assert page.status_code == 200
    assert "“merge” is not known" in page.content.decode()


def test_bad_rows_are_mended_until_clean(
    browser: Client, document: Document, preview_url: Callable[[bytes], str]
) -> None:
    page = browser.get(preview_url(b"question,answer\nA?,1\nB?,\n"))
    job = confirmed(browser, document, page, on_error="skip")
    assert (job.status, job.rows_created, job.rows_failed) == ("completed", 1, 1)

    file = browser.get(reverse("admin:segments_importjob_bad_rows", args=[job.pk]))
    content = b"".join(file.streaming_content)  # type: ignore[attr-defined]
    mended = content.replace(b'"B?",""', b'"B?","2"')
    again = confirmed(browser, document, browser.get(preview_url(mended)))

    assert (again.status, again.rows_failed) == ("completed", 0), again.error
    assert DocumentSegment.objects.filter(document=document).count() == 2


@pytest.mark.parametrize("kind", ["csv", "xlsx", "jsonl"])
def test_a_document_is_exported(
    browser: Client, document: Document, import_text: ImportText, kind: str
) -> None:
    import_text(document, "question,answer\nA?,1\n")
    answer = browser.get(reverse("admin:segments_importjob_export", args=[document.pk, kind]))
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    job = import_text(document, content, f"faq.{kind}", mode="sync")
    assert (job.rows_skipped, job.rows_embedded) == (1, 0)


def test_strangers_export_nothing(document: Document) -> None:
    outsider = Client()
    outsider.force_login(User.objects.create_user("out", is_staff=True))
    for kind in ("csv", "pdf"):
        url = reverse("admin:segments_importjob_export", args=[document.pk, kind])
        assert outsider.get(url).status_code == 404


def test_templates_are_there(browser: Client) -> None:
    for kind, status in (("csv", 200), ("xlsx", 200), ("pdf", 404)):
        url = reverse("admin:segments_importjob_template", args=["qa_model", kind])
        assert browser.get(url).status_code == status
    assert browser.get(url.replace("qa_model", "poem")).status_code == 404

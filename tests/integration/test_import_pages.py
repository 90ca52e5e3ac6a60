"""The pages on the way of a file into a document, and the page of an import."""

import csv
import io
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from datasets.models import Dataset, Document
from segments.admin import import_wizard
from segments.imports import runner as pipeline
from segments.imports.state import IMPORT_JOBS
from segments.models import DocumentSegment, ImportJob
from segments.models.import_job import ImportSource, ImportStatus
from segments.services import imports

from .conftest import ImportText, MakeDocument
from .roles import EDITS, ROLES, SEES, LogIn

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer,page\nHow do I reset it?,Hold the button.,1\nWhere is it made?,In Ulm.,2\n"
BAD = QA + "No answer?,,3\n=1+1,,4\n"
EXPECTED = {True: 200, False: 404}


def url(name: str, thing: Any) -> str:
    return reverse(f"admin:segments_importjob_{name}", args=[thing.pk])


def upload(client: Client, document: Document, content: str = QA, name: str = "rows.csv") -> str:
    """Posts a file; the address of its preview."""
    posted = SimpleUploadedFile(name, content.encode())
    answer = client.post(url("new", document), {"file": posted})
    assert answer.status_code == 302, answer.content
    return str(answer.headers["Location"])


def reference(preview: str) -> str:
    return parse_qs(urlsplit(preview).query)["file"][0]


def confirm(client: Client, document: Document, preview: str, on_error: str = "abort") -> ImportJob:
    form = {"file": reference(preview), "on_error": on_error}
    answer = client.post(url("confirm", document), form)
    assert answer.status_code == 302, answer.content
    assert answer.headers["Location"].startswith("/admin/segments/importjob/")
    return ImportJob.objects.latest("created_at")


def stored_files() -> int:
    return len(default_storage.listdir("imports")[1]) if default_storage.exists("imports") else 0


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("page", ["new", "preview"])
def test_only_editors_come_near_an_import(
    document: Document, log_in: LogIn, role: str, page: str
) -> None:
    expected = 200 if role in EDITS else 403 if role in SEES else 404
    assert log_in(role).get(url(page, document)).status_code == expected


@pytest.mark.parametrize("role", [role for role in ROLES if role not in EDITS])
def test_nobody_else_uploads_or_confirms(document: Document, log_in: LogIn, role: str) -> None:
    before = stored_files()
    client = log_in(role)
    expected = 403 if role in SEES else 404
    posted = {"file": SimpleUploadedFile("rows.csv", QA.encode())}

    assert client.post(url("new", document), posted).status_code == expected
    assert client.post(url("confirm", document), {"file": "x"}).status_code == expected
    assert stored_files() == before
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("page", ["change", "state", "bad_rows"])
def test_members_watch_an_import(
    document: Document, import_text: ImportText, log_in: LogIn, role: str, page: str
) -> None:
    job = import_text(document, BAD)
    assert log_in(role).get(url(page, job)).status_code == EXPECTED[role in SEES]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", ["cancel", "retry", "undo"])
def test_only_editors_act_on_an_import(
    document: Document, import_text: ImportText, log_in: LogIn, role: str, action: str
) -> None:
    if action == "undo":
        job = import_text(document, QA)
    else:
        file = io.BytesIO(QA.encode())
        job = imports.start_import(document, file, "rows.csv", source=ImportSource.ADMIN)
        if action == "retry":
            imports.cancel_import(job)
    client = log_in(role)

    answer = client.post(url(action, job))

    job.refresh_from_db()
    done = {
        "cancel": job.status == ImportStatus.CANCELLED,
        "retry": job.retries.exists(),
        "undo": job.undone_at is not None,
    }[action]
    assert done is (role in EDITS)
    assert answer.status_code == (302 if role in EDITS else 403 if role in SEES else 404)


@pytest.mark.parametrize("action", ["cancel", "retry", "confirm"])
def test_nothing_happens_by_following_a_link(
    document: Document, import_text: ImportText, log_in: LogIn, action: str
) -> None:
    thing: Any = document if action == "confirm" else import_text(document, QA)
    assert log_in("owner").get(url(action, thing)).status_code == 405


@pytest.mark.parametrize("role", EDITS)
def test_a_file_is_looked_at_and_then_imported(
    document: Document, log_in: LogIn, role: str
) -> None:
    client, before = log_in(role), stored_files()
    preview = upload(client, document)

    page = client.get(preview)
    shown = page.context["preview"]
    assert (shown.rows, shown.failed, shown.to_embed, shown.is_partial) == (2, 0, 2, False)
    uses = [(column.name, column.use) for column in shown.columns]
    assert uses == [("question", "question"), ("answer", "answer"), ("page", "")]
    assert "Import 2 rows" in page.content.decode()
    assert not ImportJob.objects.exists()

    job = confirm(client, document, preview)
    assert (job.status, job.source, job.background) == ("waiting", ImportSource.ADMIN, True)
    assert job.created_by is not None
    assert job.created_by.get_username() == role
    assert stored_files() == before + 1
    assert pipeline.run(job.pk).status == ImportStatus.COMPLETED
    ended = client.get(url("change", job)).content.decode()
    assert f"?import={job.pk}" in ended
    assert "<b>2</b> segments imported" in ended


def test_confirming_twice_starts_one_import(document: Document, log_in: LogIn) -> None:
    client = log_in("editor")
    preview = upload(client, document)

    assert confirm(client, document, preview) == confirm(client, document, preview)
    assert ImportJob.objects.count() == 1


def test_the_same_file_may_be_imported_again_on_purpose(document: Document, log_in: LogIn) -> None:
    client = log_in("editor")
    first = confirm(client, document, upload(client, document))
    pipeline.run(first.pk)
    second = confirm(client, document, upload(client, document))

    assert second != first


def test_bad_rows_are_shown_and_left_out(document: Document, log_in: LogIn) -> None:
    client = log_in("editor")
    preview = upload(client, document, BAD)

    page = client.get(preview).content.decode()
    assert "The answer is blank. Fill it or remove the row." in page
    assert "Import the 2 good rows" in page
    assert 'value="skip"' in page

    job = pipeline.run(confirm(client, document, preview, "skip").pk)
    assert (job.status, job.rows_created, job.rows_failed) == ("completed", 2, 2)
    download = client.get(url("bad_rows", job))
    text = b"".join(download.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["error"].partition(" The")[0] for row in rows] == [
        "Line 4: answer:",
        "Line 5: answer:",
    ]
    assert "attachment" in download.headers["Content-Disposition"]


def test_no_cell_of_a_report_is_a_formula(
    passages: Document, import_text: ImportText, log_in: LogIn
) -> None:
    job = import_text(passages, "content,enabled\nText.,=1+1\n")
    download = log_in("viewer").get(url("bad_rows", job))
    text = b"".join(download.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]

    assert list(csv.reader(io.StringIO(text)))[1][1] == "'=1+1"


def test_a_file_of_bad_rows_only_cannot_be_imported(document: Document, log_in: LogIn) -> None:
    client = log_in("editor")
    page = client.get(upload(client, document, "question,answer\nx,\n")).content.decode()

    assert "No row of the file can be imported" in page
    assert 'value="Import' not in page


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("question,answer\n", "no rows"),
        ("title\na\n", "column"),
        ('question,answer\n"open,b\n', "never closed"),
    ],
    ids=["empty", "no-rows", "header", "quote"],
)
def test_a_file_that_cannot_be_read_says_why(
    document: Document, log_in: LogIn, content: str, says: str
) -> None:
    client = log_in("editor")
    page = client.get(upload(client, document, content)).content.decode()

    assert says in page
    assert 'type="file"' in page or "Refresh preview" in page


def test_no_file_is_refused(document: Document, log_in: LogIn) -> None:
    page = log_in("editor").post(url("new", document))

    assert "Please upload your file" in page.content.decode()


def test_a_file_that_is_too_large_is_refused_and_not_kept(
    document: Document, log_in: LogIn, settings: Settings
) -> None:
    settings.SEGMILL_MAX_FILE_BYTES = 10
    before = stored_files()
    posted = {"file": SimpleUploadedFile("rows.csv", QA.encode())}
    page = log_in("editor").post(url("new", document), posted)

    assert "10 bytes are allowed" in page.content.decode()
    assert stored_files() == before


def test_a_document_that_takes_nothing_says_so_first(document: Document, log_in: LogIn) -> None:
    document.archived = True
    document.save()
    client = log_in("editor")

    assert "is archived" in client.get(url("new", document)).content.decode()
    posted = {"file": SimpleUploadedFile("rows.csv", QA.encode())}
    assert "is archived" in client.post(url("new", document), posted).content.decode()


def test_a_script_is_answered_in_json(document: Document, log_in: LogIn) -> None:
    client, accept = log_in("editor"), {"Accept": "application/json"}
    posted = SimpleUploadedFile("rows.csv", QA.encode())

    good = client.post(url("new", document), {"file": posted}, headers=accept).json()
    bad = client.post(url("new", document), headers=accept).json()

    assert client.get(good["url"]).context["preview"].rows == 2
    assert bad == {"error": "Please upload your file."}


def test_an_upload_is_good_for_its_document_and_user_alone(
    document: Document, passages: Document, log_in: LogIn
) -> None:
    owner, editor = log_in("owner"), log_in("editor")
    preview = upload(owner, document)

    for client, place in ((owner, passages), (editor, document)):
        form = {"file": reference(preview), "on_error": "abort"}
        answer = client.post(url("confirm", place), form)
        assert "This upload has expired" in answer.content.decode()
    assert not ImportJob.objects.exists()


def test_an_upload_that_was_removed_is_asked_for_again(document: Document, log_in: LogIn) -> None:
    client = log_in("editor")
    preview = upload(client, document)
    for name in default_storage.listdir("imports")[1]:
        default_storage.delete(f"imports/{name}")

    assert "is no longer stored" in client.get(preview).content.decode()


def test_of_a_large_file_the_first_rows_are_looked_at(
    document: Document, log_in: LogIn, monkeypatch: pytest.MonkeyPatch, small_chunks: int
) -> None:
    monkeypatch.setattr(import_wizard, "ROWS_PREVIEWED", 10)
    rows = "".join(f"question {n},answer {n}\n" for n in range(100, 300))
    client = log_in("editor")
    page = client.get(upload(client, document, "question,answer\n" + rows))

    shown = page.context["preview"]
    assert (shown.rows, shown.is_partial) == (10, True)
    assert 0 < shown.share <= 100
    assert "The preview covers the first 10 rows" in page.content.decode()
    assert "If a later row is bad" in page.content.decode()


def test_a_preview_counts_the_vectors_that_are_there(
    document: Document, dataset: Dataset, make_document: MakeDocument,
    import_text: ImportText, log_in: LogIn,
) -> None:  # fmt: skip
    import_text(make_document(dataset, "earlier"), QA)
    client = log_in("editor")

    shown = client.get(upload(client, document)).context["preview"]
    assert (shown.reused, shown.to_embed) == (2, 0)


def test_the_document_page_has_a_button_for_those_who_may(
    document: Document, log_in: LogIn
) -> None:
    page = reverse("admin:datasets_document_change", args=[document.pk])

    assert url("new", document) in log_in("editor").get(page).content.decode()
    assert url("new", document) not in log_in("viewer").get(page).content.decode()


def test_the_document_list_has_an_action(
    document: Document, passages: Document, log_in: LogIn
) -> None:
    client, page = log_in("editor"), reverse("admin:datasets_document_changelist")

    def choose(*documents: Document) -> Any:
        selected = [str(document.pk) for document in documents]
        form = {"action": "import_file", "_selected_action": selected}
        return client.post(page, form, follow=True)

    assert choose(document).redirect_chain == [(url("new", document), 302)]
    assert "Select exactly one document" in choose(document, passages).content.decode()


def test_the_state_of_an_import_has_all_that_its_page_shows(
    document: Document, import_text: ImportText, log_in: LogIn
) -> None:
    job = import_text(document, QA)
    found = log_in("viewer").get(url("state", job)).json()

    assert (found["status"], found["words"], found["is_final"]) == ("completed", "Completed", True)
    assert (found["rows_checked"], found["rows_published"]) == (2, 2)
    assert {rate["phase"] for rate in found["chart"]} == {"preparing", "embedding", "publishing"}


def test_what_can_be_done_depends_on_the_state(
    document: Document, import_text: ImportText, log_in: LogIn
) -> None:
    client = log_in("editor")
    file = io.BytesIO(QA.encode())
    job = imports.start_import(document, file, "rows.csv", source=ImportSource.ADMIN)

    def offered() -> set[str]:
        page = client.get(url("change", job)).content.decode()
        return {action for action in ("cancel", "retry", "undo") if url(action, job) in page}

    assert offered() == {"cancel"}
    imports.cancel_import(job)
    assert offered() == {"retry"}
    job = import_text(document, QA)
    assert offered() == {"undo"}
    client.post(url("undo", job))
    assert offered() == set()
    assert not DocumentSegment.objects.exists()


def test_an_interrupted_import_says_why_and_when_it_goes_on(
    document: Document, log_in: LogIn
) -> None:
    job = imports.start_import(
        document, io.BytesIO(QA.encode()), "rows.csv", source=ImportSource.ADMIN
    )
    claim = IMPORT_JOBS.claim_preparing(job.pk)
    assert claim
    IMPORT_JOBS.start_embedding(claim)
    IMPORT_JOBS.interrupt_embedding(job.pk, "model_away", "The model is away.")
    job.refresh_from_db()
    assert job.not_before

    page = log_in("editor").get(url("change", job)).content.decode()

    when = f"{job.not_before:%H:%M} UTC"
    assert f"The model is away. It resumes automatically at {when}." in page
    assert url("resume", job) in page


def test_an_undo_is_asked_for_first_and_a_refusal_is_told(
    document: Document, import_text: ImportText, log_in: LogIn
) -> None:
    client, job = log_in("editor"), import_text(document, QA)
    import_text(document, "question,answer\nLater?,Yes.\n", "later.csv")

    asked = client.get(url("undo", job)).content.decode()
    assert "cannot be undone" in asked
    assert "“later.csv”" in asked
    page = client.post(url("undo", job), follow=True).content.decode()
    assert "“later.csv”" in page
    assert DocumentSegment.objects.count() == 3


def test_a_vanished_import_is_not_found(document: Document, log_in: LogIn) -> None:
    client = log_in("superuser")
    for page in ("change", "state", "bad_rows", "undo"):
        assert client.get(url(page, document)).status_code == 404
    assert client.get("/admin/segments/importjob/nonsense/change/").status_code == 404

"""Imports whose model is behind an endpoint, with all that goes wrong there."""

from collections.abc import Callable
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from datasets.models import Dataset, DocForm, Document, Tenant
from segments.embedding import catalog
from segments.files.options import ImportMode, ImportOptions, OnError
from segments.imports import runner as running
from segments.imports.state import IMPORT_JOBS
from segments.models import Chunk, DocumentSegment, ImportJob, RowError, StagedRow
from segments.models.import_job import ImportSource, ImportStatus
from segments.services.imports import run_in_foreground, start_import
from segments.services.reports import report_import
from tests.servers import embeddings as misbehaving
from tests.servers.embeddings import DIMENSIONS, EmbeddingsServer, vector_of

from .conftest import ImportText, MakeDocument

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_pauses", "small_chunks"),
]

TEXTS = [f"passage number {number}" for number in range(10)]
FILE = "content\n" + "\n".join(TEXTS) + "\n"


@pytest.fixture
def document(
    tenant: Tenant,
    server: EmbeddingsServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    make_document: MakeDocument,
    tmp_path: Path,
) -> Document:
    """A document whose vectors come from the server, two texts a request."""
    catalog.load.cache_clear()
    settings.MEDIA_ROOT = tmp_path  # what stays interrupted keeps its file
    settings.SEGMILL_OPENAI_BASE_URL = server.url
    settings.SEGMILL_EMBEDDING_BATCH_TEXTS = 2
    monkeypatch.setattr("segments.embedding.dispatch.ATTEMPTS", 2)
    monkeypatch.setattr("segments.jobs.leases.RESUME_SECONDS", 3600)
    dataset = Dataset.objects.create(
        tenant=tenant, name="remote", embedding_model_provider="openai", embedding_model="m"
    )
    return make_document(dataset, "passages", DocForm.TEXT)


def run_again(job: ImportJob) -> ImportJob:
    IMPORT_JOBS.resume(job.pk, now=True)
    return running.run(job.pk)


def embedded_texts(server: EmbeddingsServer) -> list[str]:
    return sorted(text for text in server.texts if text != "test")


def test_segments_carry_the_vectors_of_the_endpoint(
    document: Document, import_text: ImportText, server: EmbeddingsServer
) -> None:
    job = import_text(document, FILE)

    assert job.status == ImportStatus.COMPLETED, job.error
    assert job.embedding_dimensions == DIMENSIONS
    segments = DocumentSegment.objects.filter(document=document).order_by("position")
    for segment, text in zip(segments, TEXTS, strict=True):
        assert segment.content == text
        np.testing.assert_allclose(segment.embedding, vector_of(text), 1e-6)
    assert embedded_texts(server) == sorted(TEXTS)


def test_an_endpoint_that_is_down_interrupts_and_the_import_goes_on_from_there(
    document: Document, import_text: ImportText, server: EmbeddingsServer
) -> None:
    server.misdeeds.append(lambda handler, body: handler.reply(handler.answer(body)))  # probe
    server.misdeeds.extend([lambda handler, body: handler.reply(handler.answer(body))] * 2)
    server.always = misbehaving.status(503)
    job = import_text(document, FILE)

    assert job.status == ImportStatus.INTERRUPTED
    assert "503" in job.error
    assert job.finished_at is None
    assert not DocumentSegment.objects.exists(), "nothing is visible before all is there"
    assert StagedRow.objects.count() == len(TEXTS)
    assert job.not_before is not None
    assert job.not_before > timezone.now()
    paid = {text for request in server.requests[:3] for text in request.texts} - {"test"}
    assert len(paid) == job.rows_embedded == 4

    server.always = None
    server.requests.clear()
    job = run_again(job)

    assert job.status == ImportStatus.COMPLETED, job.error
    assert not job.error
    assert (job.rows_created, job.rows_embedded, job.rows_reused) == (10, 10, 0)
    assert not paid & set(server.texts), "nothing is paid for twice"


def test_an_interrupted_import_waits_before_it_goes_on_by_itself(
    document: Document, import_text: ImportText, server: EmbeddingsServer
) -> None:
    server.always = misbehaving.status(503)
    server.misdeeds.append(lambda handler, body: handler.reply(handler.answer(body)))
    job = import_text(document, FILE)
    server.always = None

    assert running.run(job.pk).status == ImportStatus.INTERRUPTED
    ImportJob.objects.filter(pk=job.pk).update(not_before=timezone.now())
    assert running.run(job.pk).status == ImportStatus.COMPLETED


def test_an_interrupted_import_can_be_cancelled(
    document: Document, import_text: ImportText, server: EmbeddingsServer
) -> None:
    server.always = misbehaving.status(503)
    server.misdeeds.append(lambda handler, body: handler.reply(handler.answer(body)))
    job = import_text(document, FILE)

    IMPORT_JOBS.cancel(job.pk, "Enough.")
    assert run_again(job).status == ImportStatus.CANCELLED


def test_a_lost_try_of_a_chunk_does_not_count_when_the_endpoint_is_to_blame(
    document: Document,
    import_text: ImportText,
    server: EmbeddingsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("segments.jobs.leases.MAX_ATTEMPTS", 1)
    server.always = misbehaving.status(503)
    server.misdeeds.append(lambda handler, body: handler.reply(handler.answer(body)))
    job = import_text(document, FILE)
    for _ in range(3):
        job = run_again(job)

    assert job.status == ImportStatus.INTERRUPTED
    assert set(Chunk.objects.values_list("attempts", flat=True)) == {0}


def test_a_refused_key_fails_the_import_with_the_remedy(
    document: Document, import_text: ImportText, server: EmbeddingsServer
) -> None:
    server.misdeeds.append(lambda handler, body: handler.reply(handler.answer(body)))
    server.always = misbehaving.status(401)
    job = import_text(document, FILE)

    assert (job.status, job.error_code) == (ImportStatus.FAILED, "credentials_refused")
    assert "Set a valid key" in job.error
    assert not StagedRow.objects.exists()


def test_a_text_the_model_refuses_is_a_bad_row_of_the_report(
    document: Document, import_text: ImportText, server: EmbeddingsServer
) -> None:
    server.always = misbehaving.refusing("number 7")
    job = import_text(document, FILE)

    assert (job.status, job.error_code) == (ImportStatus.FAILED, "rows_refused")
    assert "line 9" in job.error
    assert "unfit" in job.error
    [error] = RowError.objects.filter(job=job)
    assert (error.line, error.code, error.value) == (9, "text_refused", "passage number 7")
    assert job.rows_failed == 1
    assert not DocumentSegment.objects.exists()


def test_with_skip_the_other_rows_are_published_without_a_gap(
    document: Document, server: EmbeddingsServer, import_file: Callable[[OnError], ImportJob]
) -> None:
    server.always = misbehaving.refusing("number 7")
    job = import_file(OnError.SKIP)

    assert job.status == ImportStatus.COMPLETED, job.error
    assert (job.rows_total, job.rows_failed, job.rows_staged, job.rows_created) == (10, 1, 9, 9)
    segments = DocumentSegment.objects.filter(document=document).order_by("position")
    assert [segment.position for segment in segments] == list(range(1, 10))
    assert [s.content for s in segments] == [t for t in TEXTS if t != "passage number 7"]
    assert job.tokens == sum(segment.tokens for segment in segments)


def test_with_skip_and_no_good_row_left_the_import_fails(
    server: EmbeddingsServer, import_file: Callable[[OnError], ImportJob]
) -> None:
    server.always = misbehaving.refusing("passage")
    job = import_file(OnError.SKIP)
    assert (job.status, job.error_code) == (ImportStatus.FAILED, "rows_refused")
    assert job.rows_failed == 10


def test_equal_texts_are_paid_for_once(
    document: Document, import_text: ImportText, server: EmbeddingsServer, settings: Settings
) -> None:
    settings.SEGMILL_CHUNK_ROWS = 100
    job = import_text(document, "content\n" + "same\n" * 5 + "other\n")
    assert embedded_texts(server) == ["other", "same"]
    assert job.rows_embedded == 6
    again = import_text(document, "content\nsame\nnew\n")
    assert embedded_texts(server) == ["new", "other", "same"]
    assert (again.rows_embedded, again.rows_reused) == (1, 1)


@pytest.fixture
def import_file(document: Document) -> Callable[[OnError], ImportJob]:
    """Imports the passages with a rule for bad rows."""

    def run(on_error: OnError) -> ImportJob:
        started = start_import(
            document,
            BytesIO(FILE.encode()),
            "rows.csv",
            source=ImportSource.COMMAND,
            options=ImportOptions(on_error=on_error),
            background=False,
        )
        return run_in_foreground(started)

    return run


def test_an_interrupted_import_can_be_resumed_at_once_from_every_source(
    document: Document, import_text: ImportText, server: EmbeddingsServer, admin_client: Client
) -> None:
    server.misdeeds.append(lambda handler, body: handler.reply(handler.answer(body)))
    server.always = misbehaving.status(503)
    job = import_text(document, FILE)
    page = reverse("admin:segments_importjob_change", args=[job.pk])
    assert ">Resume<" in admin_client.get(page).content.decode()

    admin_client.post(reverse("admin:segments_importjob_resume", args=[job.pk]))
    job.refresh_from_db()
    assert job.status == ImportStatus.EMBEDDING
    assert running.run(job.pk).status == ImportStatus.INTERRUPTED
    with pytest.raises(CommandError, match=f"manage.py resume_import {job.pk}"):
        call_command("resume_import", str(job.pk))

    server.always = None
    out = StringIO()
    call_command("resume_import", str(job.pk), stdout=out)
    assert "completed" in out.getvalue()
    with pytest.raises(CommandError, match="not interrupted"):
        call_command("resume_import", str(job.pk))
    with pytest.raises(CommandError, match="no import"):
        call_command("resume_import", "nothing")


def test_what_the_endpoint_bills_is_in_the_report(
    document: Document, import_text: ImportText, server: EmbeddingsServer, settings: Settings
) -> None:
    settings.SEGMILL_EMBEDDING_PRICE = Decimal("0.13")
    server.misdeeds.append(lambda handler, body: handler.reply(handler.answer(body)))  # probe
    server.misdeeds.append(misbehaving.status(500))
    report = report_import(import_text(document, FILE))

    words = sum(len(text.split()) for text in TEXTS)
    assert (report.requests, report.tokens_billed) == (len(server.requests) - 1, words)
    assert report.cost == pytest.approx(words * 0.13 / 1_000_000)
    again = report_import(import_text(document, FILE))
    assert (again.requests, again.tokens_billed, again.cost) == (0, 0, None)


def test_what_was_paid_before_an_interruption_is_counted(
    document: Document, import_text: ImportText, server: EmbeddingsServer
) -> None:
    server.misdeeds.append(lambda handler, body: handler.reply(handler.answer(body)))  # probe
    server.misdeeds.extend([lambda handler, body: handler.reply(handler.answer(body))] * 2)
    server.always = misbehaving.status(503)
    job = import_text(document, FILE)
    assert job.embedding_tokens == 4 * 3
    assert job.embedding_requests == len(server.requests) - 1


def test_a_refused_row_ends_a_sync_even_with_skip(
    document: Document, server: EmbeddingsServer
) -> None:
    """Sync removes what the file does not have: a row left out would lose its segment."""
    server.always = misbehaving.refusing("number 7")
    options = ImportOptions(mode=ImportMode.SYNC, on_error=OnError.SKIP)
    rows = "".join(f"id{number},{text}\n" for number, text in enumerate(TEXTS))
    file = BytesIO(f"external_id,content\n{rows}".encode())
    started = start_import(
        document, file, "rows.csv", source=ImportSource.COMMAND, options=options, background=False
    )
    job = run_in_foreground(started)
    assert (job.status, job.error_code) == (ImportStatus.FAILED, "rows_refused")

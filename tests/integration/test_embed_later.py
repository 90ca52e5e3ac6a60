"""`--embed later`: rows are found by their words at once, by their meaning a while later."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse
from pytest_django import Settings

from datasets.models import Dataset, Document
from segments.embedding import catalog
from segments.models import DocumentSegment, ImportJob, Reembedding
from segments.models.embedding import ReembeddingPurpose, ReembeddingStatus
from segments.models.import_job import ImportStatus
from segments.reembedding import run
from segments.search import SearchMethod, search
from segments.services import reembeddings as reembedding
from tests.servers import embeddings as misbehaving
from tests.servers.embeddings import EmbeddingsServer

from .api_client import Api, batch_import
from .conftest import ImportText
from .roles import LogIn

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_pauses")]

FIRST = "content\nCats purr when they are content.\nShips sail.\n"
MORE = "content\nShips sail.\nBread is baked in an oven.\n"


@pytest.fixture(autouse=True)
def stored(settings: Settings, tmp_path: Path) -> None:
    catalog.load.cache_clear()
    settings.MEDIA_ROOT = tmp_path


def without_vector(document: Document) -> set[str]:
    segments = DocumentSegment.objects.filter(document=document, embedding=None)
    return set(segments.values_list("content", flat=True))


def fill(document: Document) -> Reembedding:
    [open_one] = Reembedding.objects.open().filter(dataset=document.dataset)
    return run.run(open_one.pk)


def test_rows_are_found_by_words_at_once_and_by_meaning_later(
    passages: Document, import_text: ImportText
) -> None:
    job = import_text(passages, FIRST, embed="later")
    assert job.status == ImportStatus.COMPLETED, job.error
    assert (job.rows_created, job.rows_embedded) == (2, 0)
    assert any("finds the rows at once" in notice for notice in job.notices)
    assert len(without_vector(passages)) == 2
    dataset = passages.dataset
    for method in (SearchMethod.FULL_TEXT, SearchMethod.HYBRID):
        assert [hit.content for hit in search(dataset, "ships", method)] == ["Ships sail."]
    assert search(dataset, "a happy kitten", SearchMethod.SEMANTIC) == []

    done = fill(passages)
    assert (done.status, done.purpose) == (ReembeddingStatus.COMPLETED, ReembeddingPurpose.FILL)
    assert (done.texts_embedded, done.segments_changed) == (2, 2)
    assert without_vector(passages) == set()
    [best, _] = search(dataset, "a happy kitten", SearchMethod.SEMANTIC)
    assert best.content.startswith("Cats")


def test_known_texts_are_not_embedded_again(passages: Document, import_text: ImportText) -> None:
    import_text(passages, FIRST)
    import_text(passages, MORE, embed="later")
    assert without_vector(passages) == {"Ships sail.", "Bread is baked in an oven."}
    found = search(passages.dataset, "cats ships bread", SearchMethod.HYBRID)
    assert len(found) == 4, "what has a vector is found by it, the rest by its words"

    done = fill(passages)
    assert (done.texts_embedded, done.segments_changed) == (1, 2)
    assert without_vector(passages) == set()


def test_changed_texts_lose_their_old_vectors(passages: Document, import_text: ImportText) -> None:
    import_text(passages, "external_id,content\n1,one\n2,two\n")
    import_text(passages, "external_id,content\n1,one\n2,zwei\n", mode="upsert", embed="later")
    assert without_vector(passages) == {"zwei"}
    fill(passages)
    assert without_vector(passages) == set()


def test_one_filling_serves_all_imports_that_come_meanwhile(
    passages: Document, import_text: ImportText
) -> None:
    import_text(passages, FIRST, embed="later")
    [filling] = Reembedding.objects.all()

    def import_more(progress: Reembedding) -> None:
        if progress.texts_done and not ImportJob.objects.filter(file_name="more.csv").exists():
            import_text(passages, MORE, name="more.csv", embed="later")

    assert run.run(filling.pk, import_more).status == ReembeddingStatus.COMPLETED
    assert Reembedding.objects.count() == 1
    assert without_vector(passages) == set()


def test_a_change_of_model_brings_the_missing_vectors_too(
    passages: Document, import_text: ImportText, server: EmbeddingsServer, settings: Settings
) -> None:
    settings.SEGMILL_OPENAI_BASE_URL = server.url
    import_text(passages, FIRST)
    change = reembedding.change_model(passages.dataset, "openai", "m")
    import_text(passages, MORE, embed="later")
    assert Reembedding.objects.count() == 1
    assert run.run(change.pk).status == ReembeddingStatus.COMPLETED
    assert without_vector(passages) == set()


def test_a_cancelled_change_of_model_leaves_nothing_without_a_vector(
    passages: Document, import_text: ImportText, server: EmbeddingsServer, settings: Settings
) -> None:
    settings.SEGMILL_OPENAI_BASE_URL = server.url
    import_text(passages, FIRST)
    change = reembedding.change_model(passages.dataset, "openai", "m")
    import_text(passages, MORE, embed="later")
    reembedding.cancel(change)
    assert fill(passages).status == ReembeddingStatus.COMPLETED
    assert without_vector(passages) == set()


def test_a_model_that_is_away_does_not_keep_rows_from_being_found(
    passages: Document,
    import_text: ImportText,
    server: EmbeddingsServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.SEGMILL_OPENAI_BASE_URL = server.url
    monkeypatch.setattr("segments.embedding.dispatch.ATTEMPTS", 1)
    Dataset.objects.update(embedding_model_provider="openai", embedding_model="m")
    server.always = misbehaving.status(503)
    passages.refresh_from_db()
    assert import_text(passages, FIRST, embed="later").status == ImportStatus.COMPLETED
    assert fill(passages).status == ReembeddingStatus.INTERRUPTED
    assert search(passages.dataset, "ships", SearchMethod.FULL_TEXT)

    server.always = None
    [interrupted] = Reembedding.objects.all()
    reembedding.resume(interrupted)
    assert fill(passages).status == ReembeddingStatus.COMPLETED
    assert without_vector(passages) == set()


def test_in_a_full_text_dataset_there_is_nothing_to_do_later(
    economy: Dataset, import_text: ImportText
) -> None:
    document = Document.objects.create(
        tenant=economy.tenant, dataset=economy, name="notes", doc_form="text_model"
    )
    assert import_text(document, FIRST, embed="later").status == ImportStatus.COMPLETED
    assert not Reembedding.objects.exists()


def test_the_command_takes_it(passages: Document, write_file: Any) -> None:
    path = write_file(FIRST, "rows.csv")
    out = StringIO()
    place = ("--tenant", "acme", "--dataset", "handbook", "--document", "manual")
    call_command("import_segments", path, *place, "--embed", "later", "--json", stdout=out)
    assert len(without_vector(passages)) == 2
    call_command("reembed", "handbook", "--tenant", "acme", "--json", stdout=out)
    assert without_vector(passages) == set()


def test_the_api_takes_it(passages: Document, api: Api) -> None:
    job_id = api.start(passages, FIRST.encode(), embed="later")
    assert ImportJob.objects.get(pk=job_id).embeds_later
    refused = api.send(batch_import(passages), {"file": FIRST.encode(), "embed": "never"})
    assert refused.status_code == 400
    assert "now, later" in refused.content.decode()


def test_the_preview_offers_it_and_the_page_shows_how_far_it_is(
    passages: Document, import_text: ImportText, log_in: LogIn
) -> None:
    job = import_text(passages, FIRST, embed="later")
    page = log_in("editor").get(reverse("admin:segments_importjob_change", args=[job.pk]))
    [filling] = Reembedding.objects.all()
    shown = page.content.decode()
    assert reverse("admin:segments_reembedding_change", args=[filling.pk]) in shown
    assert 'data-phase="embedding"' not in shown

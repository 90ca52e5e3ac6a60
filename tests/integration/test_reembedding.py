"""New vectors while search goes on: switched at once, resumed without paying twice, cancelled."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django import Settings

from datasets.models import Dataset, DocForm, Document, IndexingTechnique, Tenant
from segments.exceptions import ClaimLost, EndpointFailed, NoEmbeddingModel, StateConflict
from segments.files.options import OnError
from segments.imports import runner as running
from segments.imports.state import IMPORT_JOBS
from segments.jobs import leases
from segments.models import DocumentSegment, ImportJob, ReembeddedVector, Reembedding
from segments.models.embedding import ReembeddingStatus
from segments.models.import_job import ImportStatus
from segments.operations import reaper
from segments.reembedding import run
from segments.reembedding.state import REEMBEDDINGS
from segments.search import SearchMethod, search
from segments.services import imports
from segments.services import reembeddings as reembedding
from segments.services.segments import NewText, update_segment
from tests.servers import embeddings as misbehaving
from tests.servers.embeddings import EmbeddingsServer, vector_of

from .conftest import ImportText, MakeDocument, Start

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_pauses", "endpoint"),
]

TEXTS = [f"passage number {number}" for number in range(10)]
FILE = "content\n" + "\n".join(TEXTS) + "\n"


@pytest.fixture
def filled(passages: Document, import_text: ImportText) -> Document:
    """Ten passages embedded by wordllama."""
    assert import_text(passages, FILE).status == ImportStatus.COMPLETED
    return passages


def to_server(document: Document, on_error: OnError = OnError.ABORT) -> Reembedding:
    return reembedding.change_model(document.dataset, "openai", "m", on_error=on_error)


def has_vectors_of_server(document: Document) -> bool:
    segments = DocumentSegment.objects.filter(document=document)
    return all(
        segment.embedding is not None
        and len(segment.embedding) == 8
        and np.allclose(segment.embedding, vector_of(segment.content))
        for segment in segments
    )


def test_every_segment_changes_to_the_new_model(filled: Document, server: EmbeddingsServer) -> None:
    server.requests.clear()
    ended = run.run(to_server(filled).pk)

    assert ended.status == ReembeddingStatus.COMPLETED, ended.error
    assert (ended.texts_total, ended.texts_embedded, ended.segments_changed) == (10, 10, 10)
    assert ended.embedding_tokens == 30
    assert has_vectors_of_server(filled)
    dataset = Dataset.objects.get(pk=filled.dataset_id)
    assert (dataset.embedding_model_provider, dataset.embedding_model) == ("openai", "m")
    assert not ReembeddedVector.objects.exists()
    assert sorted(set(server.texts) - {"test"}) == sorted(TEXTS)


def test_search_goes_on_with_the_old_model_until_the_switch(
    filled: Document, settings: Settings
) -> None:
    dataset, seen = filled.dataset, []

    def look(progress: Reembedding) -> None:
        old = Dataset.objects.get(pk=dataset.pk)
        [best, *_] = search(old, "passage number 7", SearchMethod.SEMANTIC)
        seen.append((old.embedding_model_provider, best.content))

    run.run(to_server(filled).pk, look)
    assert len(seen) > 3
    assert set(seen) == {("wordllama", "passage number 7")}

    # Whoever read the dataset before the switch finds with the new model all the same.
    assert dataset.embedding_model_provider == "wordllama"
    [best, *_] = search(dataset, "passage number 7", SearchMethod.SEMANTIC)
    assert best.content == "passage number 7"
    assert best.score == pytest.approx(1)


def test_it_goes_on_from_where_it_stood_and_pays_for_nothing_twice(
    filled: Document, server: EmbeddingsServer
) -> None:
    begun = to_server(filled)
    server.requests.clear()
    server.misdeeds.extend([lambda handler, body: handler.reply(handler.answer(body))] * 3)
    server.always = misbehaving.status(503)
    interrupted = run.run(begun.pk)

    assert interrupted.status == ReembeddingStatus.INTERRUPTED
    assert "503" in interrupted.error
    assert interrupted.texts_embedded == 6
    assert DocumentSegment.objects.filter(document=filled).first() is not None
    assert run.run(begun.pk).status == ReembeddingStatus.INTERRUPTED, "it waits a while"

    server.always = None
    REEMBEDDINGS.resume(begun.pk, now=True)
    ended = run.run(begun.pk)
    assert ended.status == ReembeddingStatus.COMPLETED, ended.error
    answered = [text for request in server.requests for text in request.texts]
    assert len(answered) - len(set(answered)) == 4, (
        "only the request that failed twice was sent again"
    )
    assert ended.embedding_tokens == 30


def test_segments_that_come_meanwhile_are_embedded_too(
    filled: Document, import_text: ImportText, make_document: MakeDocument
) -> None:
    more = make_document(filled.dataset, "more", DocForm.TEXT)
    imported: list[ImportStatus] = []

    def import_once(progress: Reembedding) -> None:
        if not imported:
            job = import_text(more, "content\nnew one\npassage number 3\n")
            imported.append(ImportStatus(job.status))

    ended = run.run(to_server(filled).pk, import_once)
    assert imported == [ImportStatus.COMPLETED]
    assert ended.status == ReembeddingStatus.COMPLETED, ended.error
    assert has_vectors_of_server(more)
    assert has_vectors_of_server(filled)


def test_a_segment_edited_meanwhile_gets_the_vector_of_its_new_text(filled: Document) -> None:
    segment = DocumentSegment.objects.get(document=filled, position=1)
    edited: list[str] = []

    def edit_once(progress: Reembedding) -> None:
        if not edited:
            edited.append("edited")
            update_segment(segment.pk, NewText("another text"))

    assert run.run(to_server(filled).pk, edit_once).status == ReembeddingStatus.COMPLETED
    segment.refresh_from_db()
    assert segment.content == "another text"
    assert has_vectors_of_server(filled)


def test_an_import_under_way_ends_first(filled: Document, start: Start) -> None:
    document = Document.objects.get(pk=filled.pk)
    under_way = start(document, "content\nlate one\n")
    assert IMPORT_JOBS.claim_preparing(under_way.pk)
    waiting = to_server(filled)

    waits = run.run(waiting.pk)
    assert waits.status == ReembeddingStatus.EMBEDDING
    assert "an import" in waits.waits_for

    imports.cancel_import(under_way)
    Reembedding.objects.filter(pk=waiting.pk).update(not_before=timezone.now())
    assert run.run(waiting.pk).status == ReembeddingStatus.COMPLETED


def test_an_import_that_has_not_begun_goes_on_with_the_new_model(
    filled: Document,
    start: Start,
) -> None:
    waiting = start(Document.objects.get(pk=filled.pk), "content\nlate one\n")
    assert run.run(to_server(filled).pk).status == ReembeddingStatus.COMPLETED

    job = running.run(waiting.pk)
    assert job.status == ImportStatus.COMPLETED, job.error
    assert (job.embedding_model_provider, job.embedding_dimensions) == ("openai", 8)
    assert has_vectors_of_server(filled)


def test_cancelled_it_leaves_everything_as_it_was(filled: Document) -> None:
    before = [list(s.embedding or ()) for s in DocumentSegment.objects.order_by("position")]

    def cancel(progress: Reembedding) -> None:
        if progress.texts_done:
            reembedding.cancel(progress)

    ended = run.run(to_server(filled).pk, cancel)
    assert ended.status == ReembeddingStatus.CANCELLED
    assert [list(s.embedding or ()) for s in DocumentSegment.objects.order_by("position")] == before
    assert not ReembeddedVector.objects.exists()
    with pytest.raises(StateConflict):
        reembedding.cancel(ended)


def test_one_at_a_time(filled: Document) -> None:
    first = to_server(filled)
    with pytest.raises(StateConflict, match="already"):
        to_server(filled)
    reembedding.cancel(first)
    to_server(filled)


def test_a_model_that_is_not_there_is_refused_at_the_start(
    filled: Document, server: EmbeddingsServer
) -> None:
    with pytest.raises(NoEmbeddingModel):
        reembedding.change_model(filled.dataset, "nobody", "m")
    server.always = misbehaving.status(503)
    with pytest.raises(EndpointFailed):
        to_server(filled)
    assert not Reembedding.objects.exists()


def test_a_text_the_new_model_refuses_ends_it_or_is_left_without(
    filled: Document, server: EmbeddingsServer
) -> None:
    server.always = misbehaving.refusing("number 7")
    failed = run.run(to_server(filled).pk)
    assert (failed.status, failed.error_code) == (ReembeddingStatus.FAILED, "texts_refused")
    assert "passage number 7" in failed.error
    assert Dataset.objects.get(pk=filled.dataset_id).embedding_model_provider == "wordllama"

    skipped = run.run(to_server(filled, OnError.SKIP).pk)
    assert skipped.status == ReembeddingStatus.COMPLETED, skipped.error
    assert (skipped.texts_embedded, skipped.texts_refused) == (9, 1)
    [without] = DocumentSegment.objects.filter(embedding__isnull=True)
    assert without.content == "passage number 7"
    assert "unfit" in (without.error or "")
    [hit, *_] = search(filled.dataset, "passage number 7", SearchMethod.FULL_TEXT)
    assert hit.content == "passage number 7", "it is still found by its words"


def test_a_full_text_dataset_gets_vectors(
    economy: Dataset, import_text: ImportText, make_document: MakeDocument
) -> None:
    document = make_document(economy, "notes", DocForm.TEXT)
    import_text(document, FILE)
    ended = run.run(reembedding.change_model(economy, "openai", "m").pk)
    assert ended.status == ReembeddingStatus.COMPLETED, ended.error
    economy.refresh_from_db()
    assert economy.indexing_technique == IndexingTechnique.HIGH_QUALITY
    assert has_vectors_of_server(document)


def test_an_import_that_begins_in_the_moment_of_the_change_gets_the_new_model(
    filled: Document, start: Start
) -> None:
    waiting = start(Document.objects.get(pk=filled.pk), "content\nlate one\n")
    old = (waiting.embedding_model_provider, waiting.embedding_model)
    assert run.run(to_server(filled).pk).status == ReembeddingStatus.COMPLETED
    # As if it had been handed in before the change and stored after it.
    ImportJob.objects.filter(pk=waiting.pk).update(
        embedding_model_provider=old[0], embedding_model=old[1], embedding_dimensions=256
    )
    job = running.run(waiting.pk)
    assert job.status == ImportStatus.COMPLETED, job.error
    assert job.embedding_model_provider == "openai"
    assert has_vectors_of_server(filled)


def test_an_empty_dataset_just_changes(dataset: Dataset) -> None:
    assert run.run(reembedding.change_model(dataset, "openai", "m").pk).status == "completed"
    dataset.refresh_from_db()
    assert dataset.embedding_model == "m"


def test_a_late_worker_changes_nothing(filled: Document) -> None:
    begun = to_server(filled)
    late = REEMBEDDINGS.claim_work(begun.pk)
    assert late is not None
    Reembedding.objects.filter(pk=begun.pk).update(lease_until=timezone.now() - timedelta(hours=1))
    assert run.run(begun.pk).status == ReembeddingStatus.COMPLETED
    before = Reembedding.objects.values().get(pk=begun.pk)
    with pytest.raises(ClaimLost):
        run._run(late, run.no_progress, float("inf"))
    assert Reembedding.objects.values().get(pk=begun.pk) == before


def test_it_is_given_up_when_its_worker_is_lost_again_and_again(
    filled: Document, settings: Settings
) -> None:
    begun = to_server(filled)
    for _ in range(leases.MAX_ATTEMPTS):
        assert REEMBEDDINGS.claim_work(begun.pk)
        Reembedding.objects.update(lease_until=timezone.now() - timedelta(hours=1))
    ended = run.run(begun.pk)
    assert (ended.status, ended.error_code) == (ReembeddingStatus.FAILED, "attempts_spent")


def test_a_turn_ends_after_its_time_and_goes_on(filled: Document) -> None:
    begun = to_server(filled)
    turn = run.run(begun.pk, turn_seconds=0.000_001)
    assert (turn.status, turn.texts_embedded) == (ReembeddingStatus.EMBEDDING, 4)
    assert run.run(begun.pk).status == ReembeddingStatus.COMPLETED


def test_the_reaper_calls_workers_for_what_nobody_does(
    filled: Document, enqueued: Callable[[], list[str]]
) -> None:
    begun = to_server(filled)
    assert enqueued() == [str(begun.pk)]
    assert REEMBEDDINGS.claim_work(begun.pk)
    Reembedding.objects.update(
        lease_until=timezone.now() - timedelta(hours=1),
        created_at=timezone.now() - timedelta(hours=2),
    )
    reaper.sweep()
    assert enqueued().count(str(begun.pk)) == 2
    reaper.sweep()
    assert enqueued().count(str(begun.pk)) == 2, "it was told a moment ago"


@pytest.fixture
def enqueued() -> Callable[[], list[str]]:
    """The ids that workers were told of."""
    OrmQ.objects.all().delete()
    return lambda: [
        str(message.args()[0]) for message in OrmQ.objects.order_by("id") if message.args()
    ]


def test_another_tenants_dataset_does_not_matter(filled: Document) -> None:
    other = Dataset.objects.create(
        tenant=Tenant.objects.create(name="other"),
        name="theirs",
        embedding_model_provider="wordllama",
        embedding_model="l2_supercat_256",
    )
    run.run(to_server(filled).pk)
    other.refresh_from_db()
    assert other.embedding_model_provider == "wordllama"

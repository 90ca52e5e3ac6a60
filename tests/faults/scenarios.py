"""What faults are injected into, and what must hold after: nothing half visible, all recovers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from datetime import timedelta
from io import BytesIO
from time import sleep
from typing import Any, ClassVar
from unittest.mock import patch
from uuid import UUID, uuid4

from django.core.files.storage import default_storage
from django.db import connections
from django.db.models import F, Sum
from django.db.models.functions import Now
from django.test import override_settings
from django_q.models import OrmQ

from datasets.models import Dataset, DocForm, Document, Tenant
from segments import progress
from segments.embedding.providers.wordllama import WordLlamaEmbedder
from segments.exceptions import StateConflict
from segments.files.options import ImportMode, ImportOptions
from segments.imports import embed_pool, runner
from segments.imports.state import IMPORT_JOBS
from segments.indexing import build, pulse, tables, upkeep
from segments.indexing.state import ensure_building
from segments.models import (
    Chunk,
    DocumentSegment,
    FullTextRebuild,
    Heartbeat,
    ImportJob,
    IndexGeneration,
    RowError,
    StagedRow,
    StagedVector,
)
from segments.models.import_job import ImportSource, ImportStatus
from segments.models.job import JobStatus
from segments.operations import reaper
from segments.progress import Throttle
from segments.rebuilding import run as rebuilding
from segments.search import search
from segments.services import imports, languages

HEADER = "question,answer,external_id\n"
ROWS = 4
CHUNK_ROWS = 2
FORMER = 2
# Long enough that a slow machine never renews one; `make_time_pass` ends them.
LEASE_SECONDS = 1_200
MOST_RUNS = 10


class Scenario(ABC):
    """One action on its own objects, so that any number can follow another."""

    name: ClassVar[str]

    def __init__(self) -> None:
        self.document = _make_document()
        self.arrange()
        connections.close_all()

    def arrange(self) -> None:  # noqa: B027  (some have nothing to arrange)
        """Create what exists before the action."""

    @abstractmethod
    def act(self) -> None:
        """The action that faults are injected into."""

    @abstractmethod
    def check_whole(self) -> None:
        """Right after the fault, and at any other time: all of it is visible or nothing."""

    @abstractmethod
    def recover(self) -> None:
        """Continue as workers and reaper would, and check that all is as without the fault."""

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Several chunks, one thread, and nothing time-dependent: the same points each time."""
        with (
            override_settings(SEGMILL_LEASE_SECONDS=LEASE_SECONDS),
            small_chunks(),
            patch.object(progress, "_throttle", Throttle(0)),
            patch.object(embed_pool, "_watch", _watch_once),
        ):
            yield

    def start(self, mode: ImportMode = ImportMode.APPEND, more: str = "") -> ImportJob:
        """An import into the document that no worker has seen; `more` are lines after its rows."""
        lines = "".join(f"{q},{a},{x}\n" for q, a, x in _rows())
        file = BytesIO(f"{HEADER}{lines}{more}".encode())
        options = ImportOptions(mode=mode)
        return imports.start_import(
            self.document, file, "rows.csv", source=ImportSource.API, options=options
        )

    def contents(self) -> list[str]:
        """What is visible of the document, in its order."""
        segments = DocumentSegment.objects.filter(document=self.document).order_by("position")
        return list(segments.values_list("content", flat=True))

    def check_document(self, expected: list[str]) -> None:
        """The document has exactly these segments, each with all that belongs to it."""
        assert self.contents() == expected
        segments = DocumentSegment.objects.filter(document=self.document)
        assert not segments.filter(embedding=None).exists()
        assert not segments.filter(search_vector=None).exists()
        self.check_totals()

    def check_totals(self) -> None:
        """The document's totals are the sums of its segments."""
        self.document.refresh_from_db()
        sums = DocumentSegment.objects.filter(document=self.document).aggregate(
            words=Sum("word_count", default=0), tokens=Sum("tokens", default=0)
        )
        totals = self.document.word_count, self.document.tokens
        assert self.document.segment_count == len(self.contents())
        assert totals == (sums["words"], sums["tokens"])


class Import(Scenario):
    """Prepare, embed and publish, by one worker."""

    name = "import"
    mode: ClassVar[ImportMode] = ImportMode.APPEND
    more: ClassVar[str] = ""

    def arrange(self) -> None:
        """An import that waits."""
        self.job = self.start(self.mode, self.more)
        self.rows = ROWS + self.more.count("\n")

    def act(self) -> None:
        """Run it from beginning to end."""
        runner.run(self.job.pk)

    def after(self) -> list[str]:
        """What the document holds once it is published."""
        return _former() + _contents()

    def check_whole(self) -> None:
        """Published and completed are one."""
        self.check_totals()
        self.job.refresh_from_db()
        is_there = self.contents() == self.after()
        assert is_there or self.contents() == _former()
        assert is_there == (self.job.status == ImportStatus.COMPLETED), self.job.status

    def recover(self) -> None:
        """It ends completed, each row once, and no finished chunk is embedded again."""
        done = Chunk.objects.filter(job=self.job, status="done")
        kept = sum(done.values_list(F("last_row") - F("first_row") + 1, flat=True))
        texts = run_to_the_end(self.job.pk)
        self.job.refresh_from_db()
        assert self.job.status == ImportStatus.COMPLETED, self.job.error
        assert texts <= self.rows - kept
        assert self.job.rows_total == self.rows
        assert self.job.rows_created + self.job.rows_updated == self.rows
        assert self.job.rows_embedded + self.job.rows_reused == self.rows
        assert not RowError.objects.filter(job=self.job).exists()
        self.check_document(self.after())
        check_nothing_staged(self.job.pk)


class Sync(Import):
    """The same for an import that changes a segment, removes another one and adds the rest."""

    name = "sync"
    mode = ImportMode.SYNC
    more = "What is it now?,Changed.,f0\n"

    def after(self) -> list[str]:
        """The changed one keeps its place."""
        return ["What is it now?", *_contents()]


class Cancel(Scenario):
    """Cancel, in the middle of the embed step."""

    name = "cancel"

    def arrange(self) -> None:
        """An import with chunks done and chunks to do."""
        self.job = self.start()
        with self.settings(), patch.object(runner, "embed", lambda *args: None):
            runner.run(self.job.pk)

    def act(self) -> None:
        """Cancel it, as its page does."""
        imports.cancel_import(self.job)

    def check_whole(self) -> None:
        """Nothing of it is ever visible."""
        self.check_document(_former())

    def recover(self) -> None:
        """Cancelled after another request; nothing of it comes back or stays staged."""
        with suppress(StateConflict):
            imports.cancel_import(self.job)
        make_time_pass(self.job.pk)
        reaper.sweep()
        run_to_the_end(self.job.pk)
        self.job.refresh_from_db()
        assert self.job.status == ImportStatus.CANCELLED
        self.check_document(_former())
        check_nothing_staged(self.job.pk)


class Undo(Scenario):
    """Undo a completed import."""

    name = "undo"

    def arrange(self) -> None:
        """A completed import."""
        self.job = self.start()
        run_to_the_end(self.job.pk)

    def act(self) -> None:
        """Undo it, as its page does."""
        imports.undo_import(IMPORT_JOBS.load(self.job.pk))

    def check_whole(self) -> None:
        """The segments are gone if and only if it is undone."""
        self.check_totals()
        self.job.refresh_from_db()
        assert self.contents() in (_former(), _former() + _contents())
        assert (self.contents() == _former()) == (self.job.undone_at is not None)

    def recover(self) -> None:
        """Undone after another request."""
        with suppress(StateConflict):
            imports.undo_import(IMPORT_JOBS.load(self.job.pk))
        self.check_whole()
        self.check_document(_former())


class Submit(Scenario):
    """Submit a file."""

    name = "submit"

    def act(self) -> None:
        """Start an import, as the REST API does."""
        self.start()

    def check_whole(self) -> None:
        """There is no import yet, or one with its file."""
        jobs = list(ImportJob.objects.filter(document=self.document))
        assert len(jobs) <= 1
        for each in jobs:
            assert default_storage.exists(each.file_key)
        self.check_document(_former())

    def recover(self) -> None:
        """After another request there is one import, and it completes."""
        again = self.start()
        assert ImportJob.objects.get(document=self.document) == again
        run_to_the_end(again.pk)
        again.refresh_from_db()
        assert again.status == ImportStatus.COMPLETED, again.error
        self.check_document(_former() + _contents())


class Reap(Scenario):
    """A sweep of the reaper."""

    name = "reap"

    def arrange(self) -> None:
        """An import whose worker was killed; its claim has expired."""
        Heartbeat.objects.all().delete()  # so the reaper sends its canary
        self.job = self.start()
        IMPORT_JOBS.claim_preparing(self.job.pk)
        make_time_pass(self.job.pk)
        OrmQ.objects.all().delete()

    def act(self) -> None:
        """Look once."""
        reaper.sweep()

    def check_whole(self) -> None:
        """The import waits where it is."""
        self.job.refresh_from_db()
        assert self.job.status == ImportStatus.PREPARING
        self.check_document(_former())

    def recover(self) -> None:
        """The next sweep enqueues it."""
        make_time_pass(self.job.pk)
        assert reaper.sweep() is not None
        enqueued = {message.args()[0] for message in OrmQ.objects.all() if message.args()}
        assert str(self.job.pk) in enqueued
        run_to_the_end(self.job.pk)
        self.check_document(_former() + _contents())


class BuildIndex(Scenario):
    """Build a generation of the vector index, in place of one that is there."""

    name = "build index"

    def arrange(self) -> None:
        """An index of what is there, and as many changes."""
        self.dataset = self.document.dataset
        segments = DocumentSegment.objects.filter(document=self.document)
        segments.update(status="completed", completed_at=Now())
        self.started()
        self.run_to_the_end()
        segments.update(answer="Changed.")
        self.generation = self.started()

    def started(self) -> UUID:
        """A build that no worker has seen."""
        started = ensure_building(self.dataset, background=False)
        assert started
        return started

    def act(self) -> None:
        """Build it from beginning to end."""
        build.run(self.generation)

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Without a pulse, which comes at any time."""
        with super().settings(), patch.object(pulse, "SECONDS_BETWEEN_BEATS", LEASE_SECONDS):
            yield

    def check_whole(self) -> None:
        """Whatever is there of the index: all is found."""
        for exact in (False, True):
            hits = search(self.dataset, "What was there?", "semantic", exact=exact)
            assert len(hits) == FORMER, hits

    def recover(self) -> None:
        """It ends completed, alone, and no table is left over."""
        self.run_to_the_end()
        (generation,) = IndexGeneration.objects.filter(dataset=self.dataset)
        assert (generation.pk, generation.vectors) == (self.generation, FORMER)
        upkeep.tidy()
        assert not tables.orphans()
        assert self.generation in tables.existing().values()
        self.check_whole()

    def run_to_the_end(self) -> None:
        """Build as workers and reaper would until nothing is open."""
        opened = IndexGeneration.objects.open().filter(dataset=self.dataset)
        for _ in range(MOST_RUNS):
            past = Now() - timedelta(hours=1)
            opened.filter(lease_until__isnull=False).update(lease_until=past)
            opened.update(not_before=None)
            for generation in opened:
                build.run(generation.pk)
            if not opened.exists():
                return
            sleep(0.2)  # the server notices that a client was killed
        raise AssertionError("the build does not end")


class Rebuild(Scenario):
    """Rebuild full text in another language, in several portions."""

    name = "rebuild"
    question = "Häuser"

    def arrange(self) -> None:
        """Segments with German words that were taken for English, and a rebuild that waits."""
        self.dataset = self.document.dataset
        own = Dataset.objects.filter(pk=self.dataset.pk)
        own.update(language="en")
        own.update(previous_language="", previous_text_search_config="")
        segments = DocumentSegment.objects.filter(document=self.document)
        segments.update(answer="Die Häuser stehen leer.", search_vector=None)
        segments.update(status="completed", completed_at=Now())
        self.dataset.refresh_from_db()
        started = languages.change_language(self.dataset, "German", background=False)
        assert started
        self.rebuild = started.pk

    def act(self) -> None:
        """Do it from beginning to end."""
        rebuilding.run(self.rebuild)

    @contextmanager
    def settings(self) -> Iterator[None]:
        """A portion for each segment."""
        with super().settings(), patch.object(rebuilding, "PORTION_ROWS", 1):
            yield

    def check_whole(self) -> None:
        """In whichever language each entry is: all is found by the words that texts have."""
        hits = search(Dataset.objects.get(pk=self.dataset.pk), self.question, "full_text")
        assert len(hits) == FORMER, hits

    def recover(self) -> None:
        """It ends completed: every entry, and the dataset, is in the new language alone."""
        for _ in range(MOST_RUNS):
            jobs = FullTextRebuild.objects.filter(pk=self.rebuild)
            past = Now() - timedelta(hours=1)
            jobs.filter(lease_until__isnull=False).update(lease_until=past)
            jobs.update(not_before=None)
            if rebuilding.run(self.rebuild).is_final:
                break
        done = FullTextRebuild.objects.get(pk=self.rebuild)
        assert done.status == JobStatus.COMPLETED, done.error
        assert done.segments_done == done.segments_total == FORMER
        dataset = Dataset.objects.get(pk=self.dataset.pk)
        assert (dataset.language, dataset.previous_language) == ("de", "")
        assert not dataset.previous_text_search_config
        entries = DocumentSegment.objects.filter(document=self.document)
        assert all("'haus'" in str(entry.search_vector) for entry in entries)
        self.check_whole()


SCENARIOS: tuple[type[Scenario], ...] = (
    Import,
    Sync,
    Cancel,
    Undo,
    Submit,
    Reap,
    BuildIndex,
    Rebuild,
)


def run_to_the_end(job_id: UUID) -> int:
    """Run an import as workers and reaper would until it has ended; returns the texts embedded."""
    texts = 0
    embed = WordLlamaEmbedder.embed_passages

    def counted(self: WordLlamaEmbedder, passages: Any) -> Any:
        nonlocal texts
        texts += len(passages)
        return embed(self, passages)

    with small_chunks(), patch.object(WordLlamaEmbedder, "embed_passages", counted):
        for _ in range(MOST_RUNS):
            make_time_pass(job_id)
            if runner.run(job_id).is_final:
                return texts
    raise AssertionError(f"import {job_id} does not end")


@contextmanager
def small_chunks() -> Iterator[None]:
    """Several chunks of an import, embedded one after the other."""
    with override_settings(SEGMILL_CHUNK_ROWS=CHUNK_ROWS), patch.object(embed_pool, "THREADS", 1):
        yield


def _watch_once(work: list[Future[None]], tell: Callable[[], None]) -> None:
    """Wait as the embed step does, but report progress once instead of now and then."""
    wait(work)
    if not any(future.exception() for future in work):
        tell()


def make_time_pass(job_id: UUID) -> None:
    """As if leases had expired, pauses were over and messages were old."""
    past = Now() - timedelta(hours=1)
    jobs = ImportJob.objects.filter(pk=job_id)
    jobs.filter(lease_until__isnull=False).update(lease_until=past)
    jobs.filter(finished_at__isnull=False).update(finished_at=past)
    jobs.update(not_before=None, enqueued_at=past)
    Chunk.objects.filter(job_id=job_id, status="running").update(lease_until=past)
    Chunk.objects.filter(job_id=job_id).update(not_before=None)


def check_nothing_staged(job_id: UUID) -> None:
    """Nothing of the import is left but what it published and its history."""
    for model in (Chunk, StagedRow, StagedVector):
        assert not model._default_manager.filter(job_id=job_id).exists(), model


def _rows() -> list[tuple[str, str, str]]:
    return [(f"How is number {n} done?", f"Like {n}.", f"x{n}") for n in range(ROWS)]


def _contents() -> list[str]:
    return [question for question, _, _ in _rows()]


def _former() -> list[str]:
    return [f"What was there, {n}?" for n in range(FORMER)]


def _make_document() -> Document:
    """A document with two segments, in its own dataset: it has no vector that could be reused."""
    tenant, _ = Tenant.objects.get_or_create(name="faults")
    dataset = Dataset.objects.create(
        tenant=tenant,
        name=str(uuid4()),
        embedding_model_provider="wordllama",
        embedding_model="l2_supercat_256",
    )
    document = Document.objects.create(
        tenant=tenant,
        dataset=dataset,
        name="faq",
        doc_form=DocForm.QA,
        segment_count=FORMER,
        word_count=sum(map(len, _former())),
        tokens=FORMER,
    )
    for position, content in enumerate(_former(), 1):
        DocumentSegment.objects.create(
            tenant=tenant,
            dataset=dataset,
            document=document,
            position=position,
            content=content,
            word_count=len(content),
            tokens=1,
            index_node_hash=str(position),
            external_id=f"f{position - 1}",
            embedding=[1.0] * 256,
        )
    return document

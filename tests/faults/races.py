"""Actions of several threads at the same moment, over and over, and the invariants afterwards.

Each race has its own objects. Threads start together and are then delayed at random, so that
each of them is first at times.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from unittest.mock import patch
from uuid import uuid4

from django.db import connections
from django.db.models import Sum

from datasets.models import Dataset, DocForm, Document, IndexingTechnique, Tenant
from segments.exceptions import ImportNotFound, SegmentNotFound, StateConflict, TargetGone
from segments.imports import runner
from segments.imports.state import IMPORT_JOBS
from segments.models import DocumentSegment, ImportJob, StagedRow
from segments.models.import_job import ImportSource, ImportStatus
from segments.models.job import FINAL_STATUSES
from segments.services import imports
from segments.services import segments as editing
from segments.services.segments import NewText

ROWS = 5
SUBMITTERS = 8
# Publishing takes some 10 ms here: long enough to come before, into the middle, and after.
LONGEST_DELAY_SECONDS = 0.02
# The winner starts later the next time, by less and less, so that races become close.
FIRST_LEAD_SECONDS = 0.4
LEAST_HANDICAP_SECONDS = 0.004
EXPECTED = (ImportNotFound, SegmentNotFound, StateConflict, TargetGone)

Work = Callable[[], object]


class Races:
    """Races over and over, by threads that are reused; outcomes are counted."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.ends: Counter[str] = Counter()
        self._pool = ThreadPoolExecutor(SUBMITTERS)
        self._lead = self._handicap = FIRST_LEAD_SECONDS
        tenant, _ = Tenant.objects.get_or_create(name="races")
        self._dataset = Dataset.objects.create(
            tenant=tenant, name=str(uuid4()), indexing_technique=IndexingTechnique.ECONOMY
        )

    def close(self) -> None:
        """End the threads and their connections."""
        together = threading.Barrier(SUBMITTERS)

        def leave() -> None:
            together.wait()
            connections.close_all()

        for left in [self._pool.submit(leave) for _ in range(SUBMITTERS)]:
            left.result()
        self._pool.shutdown()

    def cancel_against_publish(self) -> None:
        """An import acknowledged as cancelled never shows; any other is there as a whole."""
        document = self._new_document()
        started = self._ready_to_publish(document)
        _, cancelled = self._at_once(
            lambda: runner.run(started.pk),
            lambda: imports.cancel_import(started),
            leads=(-self._lead, self._lead),
        )
        started.refresh_from_db()
        is_cancelled = not isinstance(cancelled, Exception)
        expected = ImportStatus.CANCELLED if is_cancelled else ImportStatus.COMPLETED
        assert started.status == expected, (started.status, cancelled)
        self._check_document(document, 0 if is_cancelled else ROWS)
        self._handicap = max(self._handicap / 2, LEAST_HANDICAP_SECONDS)
        self._lead += self._handicap if is_cancelled else -self._handicap
        self.ends[started.status] += 1

    def same_submit(self) -> None:
        """One import, however often the same request arrives at once."""
        document, key = self._new_document(), self.chance.choice([None, str(uuid4())])

        def submit() -> ImportJob:
            return imports.start_import(
                document, _file(), "rows.csv", source=ImportSource.API, idempotency_key=key
            )

        jobs = self._at_once(*[submit] * SUBMITTERS)
        assert all(isinstance(each, ImportJob) for each in jobs), jobs
        assert len({each.pk for each in jobs if isinstance(each, ImportJob)}) == 1
        assert ImportJob.objects.filter(document=document).count() == 1
        self.ends["by key" if key else "by file"] += 1

    def all_on_one_document(self) -> None:
        """Two imports, an edit, and a delete of the document or of a segment of it."""
        document = self._new_document()
        runner.run(self._ready_to_publish(document).pk)
        edited, other = list(DocumentSegment.objects.filter(document=document))[:2]
        first, second = (self._ready_to_publish(document, about) for about in ("one", "other"))
        whole = self.chance.random() < 0.5
        *_, deleted = self._at_once(
            lambda: runner.run(first.pk),
            lambda: runner.run(second.pk),
            lambda: editing.update_segment(edited.pk, NewText("Edited.")),
            document.delete if whole else lambda: editing.delete_segments([other.pk]),
        )
        assert not isinstance(deleted, Exception), repr(deleted)
        jobs = list(ImportJob.objects.filter(pk__in=[first.pk, second.pk]))
        for each in jobs:
            runner.run(each.pk)
            each.refresh_from_db()
            assert each.status == ImportStatus.COMPLETED, each.error
        if whole:
            assert not jobs
            assert not DocumentSegment.objects.filter(document_id=edited.document_id).exists()
        else:
            self._check_document(document, 3 * ROWS - 1)
            assert DocumentSegment.objects.get(pk=edited.pk).content == "Edited."
        runner.forget(first)
        runner.forget(second)
        self.ends["document deleted" if whole else "segment deleted"] += 1

    def _at_once(self, *works: Work, leads: Sequence[float] = ()) -> list[object]:
        """The result of each, or its refusal; `leads` are seconds to delay each by."""
        barrier = threading.Barrier(len(works))
        delays = [
            max(0.0, lead) + self.chance.uniform(0, LONGEST_DELAY_SECONDS)
            for lead in leads or [0.0] * len(works)
        ]

        def run(work: Work, delay: float) -> object:
            barrier.wait()
            time.sleep(delay)
            try:
                return work()
            except EXPECTED as refused:
                return refused

        return list(self._pool.map(run, works, delays))

    def _new_document(self) -> Document:
        return Document.objects.create(
            tenant_id=self._dataset.tenant_id,
            dataset=self._dataset,
            name=str(uuid4()),
            doc_form=DocForm.TEXT,
        )

    def _ready_to_publish(self, document: Document, about: str = "it") -> ImportJob:
        """An import that only has to be published."""
        started = imports.start_import(document, _file(about), "rows.csv", source=ImportSource.API)
        with _not_published():
            runner.run(started.pk)
        return started

    def _check_document(self, document: Document, rows: int) -> None:
        document.refresh_from_db()
        segments = DocumentSegment.objects.filter(document=document)
        positions = list(segments.values_list("position", flat=True))
        assert len(positions) == len(set(positions)) == rows, positions
        sums = segments.aggregate(
            words=Sum("word_count", default=0), tokens=Sum("tokens", default=0)
        )
        totals = document.segment_count, document.word_count, document.tokens
        assert totals == (rows, sums["words"], sums["tokens"])
        ended = ImportJob.objects.filter(document=document, status__in=FINAL_STATUSES)
        assert not StagedRow.objects.filter(job_id__in=ended.values("pk")).exists()


@contextmanager
def _not_published() -> Iterator[None]:
    with patch.object(IMPORT_JOBS, "claim_publishing", lambda job_id: None):
        yield


def _file(about: str = "it") -> BytesIO:
    rows = "".join(f"Passage {number} about {about}.\n" for number in range(ROWS))
    return BytesIO(f"content\n{rows}".encode())


RACES: dict[str, Callable[[Races], None]] = {
    "cancel against publish": Races.cancel_against_publish,
    "the same submit from 8 threads": Races.same_submit,
    "two imports, an edit and a delete": Races.all_on_one_document,
}


def race(kind: str, times: int, seed: int, told: Callable[[int], None] = lambda n: None) -> Races:
    """Run a kind of race `times` times; returns the outcomes.

    Raises:
        AssertionError: an invariant is broken; the text has the seed and the number.
    """
    races = Races(seed)
    try:
        for number in range(1, times + 1):
            try:
                RACES[kind](races)
            except Exception as wrong:
                raise AssertionError(f"{kind}, seed {seed}, number {number}: {wrong}") from wrong
            told(number)
    finally:
        races.close()
    return races

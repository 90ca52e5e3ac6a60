"""Imports moved by several actors in random order, with invariants checked after each step.

An actor holds claims. It makes the single moves that a worker is made of, even long after its claim
was lost, like a process that was suspended. The same seed gives the same walk.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from unittest.mock import patch
from uuid import UUID, uuid4

import numpy as np
from django.db import connection, transaction
from django.db.models import Count, Sum

from datasets.models import Dataset, DocForm, Document, Tenant
from segments.db.binary_copy import copy_binary, pack_vectors
from segments.exceptions import ClaimLost, ImportCancelled, RowsGone, StateConflict, TargetGone
from segments.files.types import CountedRow, SegmentRow
from segments.imports import chunks, runner, staging, undo
from segments.imports.chunks import ChunkClaim
from segments.imports.parents import content_hash
from segments.imports.prepare import start_over
from segments.imports.publish import publish_staged
from segments.imports.staging import FullText
from segments.imports.state import IMPORT_JOBS
from segments.jobs import leases
from segments.jobs.state_machine import JobClaim
from segments.models import Chunk, DocumentSegment, ImportJob, StagedRow, StagedVector
from segments.models.import_job import ImportSource, ImportStatus
from segments.models.job import FINAL_STATUSES
from tests.faults.scenarios import make_time_pass

T = TypeVar("T")

ROWS = 3
CHUNKS = ((1, 2), (3, 3))
DOCUMENTS = 2
# Enough for imports to meet on a document, few enough for each to be moved again and again.
MOST_OPEN = 4
MOST_CLAIMS = 8
# Everything that concerns an import is checked after each step: so few that it takes milliseconds.
LEG_STEPS = 1_000
# What a move raises when its claim is lost or the import is in another state: that is fine.
LATE = (ClaimLost, ImportCancelled, StateConflict, TargetGone)


@dataclass(slots=True)
class Seen:
    """The last observed state of an import: it never goes back."""

    status: str = ImportStatus.WAITING
    epoch: int = 0
    was_tidied: bool = False
    was_undone: bool = False


class Model:
    """A walk of random moves; `step` raises AssertionError if an invariant is broken."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.moves: Counter[str] = Counter()
        self.late = 0
        self._claims: list[JobClaim] = []
        self._chunk_claims: list[ChunkClaim] = []
        self._documents = _make_documents()
        self._seen: dict[UUID, Seen] = {}
        self._staged: dict[JobClaim, int] = {}
        self._choices: list[tuple[Callable[[], None], int]] = [
            (self._submit, 6),
            (self._claim_preparing, 4),
            (self._begin, 4),
            (self._stage, 10),
            (self._start_embedding, 4),
            (self._claim_chunk, 12),
            (self._finish_chunk, 12),
            (self._give_chunk_back, 2),
            (self._claim_publishing, 6),
            (self._publish, 6),
            (self._give_back, 1),
            (self._renew, 3),
            (self._cancel, 1),
            (self._bury, 1),
            (self._interrupt, 1),
            (self._let_time_pass, 9),
            (self._reap, 3),
            (self._undo, 2),
        ]

    def step(self) -> None:
        """One move of a random actor, and a check of everything."""
        moves, weights = zip(*self._choices, strict=True)
        move = self.chance.choices(moves, weights)[0]
        self.moves[move.__name__[1:]] += 1
        with suppress(*LATE):
            move()
        self._check()

    @property
    def ends(self) -> Counter[str]:
        """How many imports are in each state."""
        return Counter(seen.status for seen in self._seen.values())

    # --- moves -----------------------------------------------------------------------------

    def _submit(self) -> None:
        if len(self._open()) >= MOST_OPEN:
            return
        document = self.chance.choice(self._documents)
        new = ImportJob.objects.create(
            tenant_id=document.tenant_id,
            dataset_id=document.dataset_id,
            document=document,
            source=ImportSource.API,
            file_name="rows.csv",
            file_key=f"none/{uuid4()}",
            file_sha256="",
            file_bytes=0,
            embedding_model_provider="wordllama",
            embedding_model="l2_supercat_256",
            embedding_dimensions=2,
        )
        self._seen[new.pk] = Seen()

    def _claim_preparing(self) -> None:
        self._keep_claim(
            IMPORT_JOBS.claim_preparing(self._any(ImportStatus.WAITING, ImportStatus.PREPARING))
        )

    def _begin(self) -> None:
        claim = self._claim_of(ImportStatus.PREPARING)
        if claim in self._staged:  # once a claim, as a worker does
            return
        with self._as_holder(claim):
            start_over(claim)
            self._staged[claim] = 0

    def _stage(self) -> None:
        """The next chunk of rows, fenced; other actors get between one chunk and the next."""
        claim = self._claim_of(ImportStatus.PREPARING)
        done = self._staged.get(claim)
        if done is None or done == len(CHUNKS):
            return
        first, last = CHUNKS[done]
        rows = [_row(number) for number in range(first, last + 1)]
        with self._as_holder(claim), transaction.atomic():
            IMPORT_JOBS.renew(claim, rows_total=last, rows_staged=last)
            Chunk.objects.create(
                job_id=claim.job_id, ordinal=done + 1, first_row=first, last_row=last
            )
            staging.stage(staging.pack_chunk(claim.job_id, first, rows, FullText("english", "en")))
        self._staged[claim] = done + 1

    def _start_embedding(self) -> None:
        claim = self._claim_of(ImportStatus.PREPARING)
        if self._staged.get(claim) == len(CHUNKS):
            with self._as_holder(claim):
                IMPORT_JOBS.start_embedding(claim)

    def _claim_chunk(self) -> None:
        claim = chunks.claim_next(self._any(ImportStatus.EMBEDDING))
        if claim is not None:
            self._chunk_claims = [*self._chunk_claims[1 - MOST_CLAIMS :], claim]

    def _finish_chunk(self) -> None:
        claim = self._chunk()
        rows = range(claim.first_row, claim.last_row + 1)
        with self._as_chunk_holder(claim), transaction.atomic():
            chunks.finish(claim, embedded=len(rows), reused=0, seconds=0.0)
            with connection.cursor() as cursor:
                vectors = np.ones((len(rows), 2), np.float32)
                packed = pack_vectors(claim.job_id, rows, vectors)
                columns = ("job_id", "row", "embedding")
                copy_binary(cursor, StagedVector._meta.db_table, columns, packed)

    def _give_chunk_back(self) -> None:
        claim = self._chunk()
        with self._as_chunk_holder(claim):
            if self.chance.random() < 0.5:
                chunks.release(claim)
            else:
                chunks.put_back(claim, "the disk was full")

    def _claim_publishing(self) -> None:
        self._keep_claim(
            IMPORT_JOBS.claim_publishing(self._any(ImportStatus.EMBEDDING, ImportStatus.PUBLISHING))
        )

    def _publish(self) -> None:
        claim = self._claim_of(ImportStatus.PUBLISHING)
        with self._as_holder(claim):
            publish_staged(claim)

    def _give_back(self) -> None:
        claim = self._claim()
        with self._as_holder(claim):
            IMPORT_JOBS.put_back(claim, "the disk was full")

    def _renew(self) -> None:
        claim = self._claim()
        with self._as_holder(claim):
            IMPORT_JOBS.renew(claim)

    def _cancel(self) -> None:
        if self.chance.random() < 0.4:
            IMPORT_JOBS.cancel(self._in_hands(), "Enough.")

    def _bury(self) -> None:
        claim = self._chunk()
        with self._as_chunk_holder(claim):
            chunks.bury(claim, "bad", "It cannot be embedded.")

    def _interrupt(self) -> None:
        job_id = self._any()
        IMPORT_JOBS.interrupt_embedding(job_id, "away", "The model does not answer.")
        if self.chance.random() < 0.7:
            IMPORT_JOBS.resume(job_id, now=True)

    def _let_time_pass(self) -> None:
        make_time_pass(self._in_hands() if self.chance.random() < 0.5 else self._any())

    def _reap(self) -> None:
        job_id = self._any()
        IMPORT_JOBS.give_up_if_spent(job_id)
        IMPORT_JOBS.resume(job_id)
        runner.settle(job_id)

    def _undo(self) -> None:
        undo.undo(self._any(ImportStatus.COMPLETED))

    # --- who and what ----------------------------------------------------------------------

    def _open(self) -> list[UUID]:
        return [key for key, seen in self._seen.items() if seen.status not in FINAL_STATUSES]

    def _any(self, *statuses: str) -> UUID:
        """An import: mostly one in such a state, or an open one, sometimes one that has ended."""
        if not self._seen:
            raise StateConflict("there is none yet")
        fit = [key for key, seen in self._seen.items() if seen.status in statuses]
        if fit and self.chance.random() < 0.9:
            return self.chance.choice(fit)
        unfinished = self._open()
        recent = list(self._seen)[-6:]
        return self.chance.choice(
            unfinished if unfinished and self.chance.random() < 0.8 else recent
        )

    def _in_hands(self) -> UUID:
        """An import that some actor has a claim on, or believes to have."""
        held = [claim.job_id for claim in self._claims]
        held += [claim.job_id for claim in self._chunk_claims]
        unfinished = [job_id for job_id in held if job_id in self._open()]
        return self.chance.choice(unfinished) if unfinished else self._any()

    def _keep_claim(self, claim: JobClaim | None) -> None:
        if claim is not None:
            self._claims = [*self._claims[1 - MOST_CLAIMS :], claim]

    def _claim(self) -> JobClaim:
        return self._pick(self._claims, self._holds)

    def _claim_of(self, phase: ImportStatus) -> JobClaim:
        return self._pick([each for each in self._claims if each.phase == phase], self._holds)

    def _chunk(self) -> ChunkClaim:
        return self._pick(self._chunk_claims, self._is_wanted)

    def _pick(self, held: Sequence[T], holds: Callable[[T], bool]) -> T:
        """Mostly a claim that may still hold, so that imports make progress; often any."""
        if not held:
            raise ClaimLost("no actor has one yet")
        good = [claim for claim in held if holds(claim)]
        return self.chance.choice(good if good and self.chance.random() < 0.7 else held)

    def _holds(self, claim: JobClaim) -> bool:
        seen = self._seen[claim.job_id]
        return (seen.epoch, seen.status) == (claim.epoch, claim.phase)

    def _is_wanted(self, claim: ChunkClaim) -> bool:
        return self._seen[claim.job_id].status == ImportStatus.EMBEDDING

    @contextmanager
    def _as_holder(self, claim: JobClaim) -> Iterator[None]:
        """Changes in the block take effect only if the claim holds."""
        before, staged = _row_of(claim.job_id)
        is_late = (before["epoch"], before["status"]) != (claim.epoch, claim.phase)
        self.late += is_late
        yield
        if is_late:
            assert (before, staged) == _row_of(claim.job_id), "a late worker has moved its import"

    @contextmanager
    def _as_chunk_holder(self, claim: ChunkClaim) -> Iterator[None]:
        """As `_as_holder`, for a chunk whose import still needs it."""
        chunk = Chunk.objects.filter(job_id=claim.job_id, ordinal=claim.ordinal)
        before = chunk.values().first()
        wanted = ImportJob.objects.open().filter(pk=claim.job_id).exists()
        is_late = before is None or (before["epoch"], before["status"]) != (claim.epoch, "running")
        self.late += is_late
        yield
        after = chunk.values().first()
        if is_late:
            assert after == before, "a late worker has moved its chunk"
        if after and after["status"] == "done" and after != before:
            assert wanted, "a chunk was finished for an import that has ended"

    # --- what must hold --------------------------------------------------------------------

    def _check(self) -> None:
        rows = dict(
            DocumentSegment.objects.filter(document__in=self._documents)
            .values_list("import_job")
            .annotate(rows=Count("pk"))
        )
        staged = set(
            StagedRow.objects.filter(job_id__in=self._seen).values_list("job_id", flat=True)
        ) | set(StagedVector.objects.filter(job_id__in=self._seen).values_list("job_id", flat=True))
        for found in ImportJob.objects.filter(pk__in=self._seen):
            self._check_job(found, rows.get(found.pk, 0), is_staged=found.pk in staged)
        self._check_totals()

    def _check_job(self, found: ImportJob, rows: int, *, is_staged: bool) -> None:
        seen = self._seen[found.pk]
        assert found.error_code != RowsGone.code
        if seen.status in FINAL_STATUSES:
            assert found.status == seen.status, "a final state has changed"
        assert found.epoch >= seen.epoch, "an epoch has fallen"
        assert found.undone_at or not seen.was_undone, "an undo was taken back"
        is_visible = found.status == ImportStatus.COMPLETED and not found.undone_at
        assert rows == (ROWS if is_visible else 0), f"{rows} rows of one that is {found.status}"
        if seen.was_tidied:
            assert not is_staged, "a late writer has staged something"
        seen.status, seen.epoch = found.status, found.epoch
        seen.was_tidied, seen.was_undone = bool(found.tidied_at), bool(found.undone_at)

    def _check_totals(self) -> None:
        for document in Document.objects.filter(pk__in=[each.pk for each in self._documents]):
            sums = DocumentSegment.objects.filter(document=document).aggregate(
                count=Count("pk"),
                words=Sum("word_count", default=0),
                tokens=Sum("tokens", default=0),
            )
            totals = document.segment_count, document.word_count, document.tokens
            assert totals == (sums["count"], sums["words"], sums["tokens"])


@dataclass(slots=True)
class Walk:
    """What was done on a walk, and the final states of its imports."""

    moves: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    late: int = 0


def walk(seed: int, steps: int, told: Callable[[int], None] = lambda step: None) -> Walk:
    """`steps` steps from `seed`, on new documents every so often.

    Raises:
        AssertionError: an invariant is broken; the text has the seed and the step.
    """
    walked, model = Walk(), Model(seed)
    with patch.object(leases, "MAX_ATTEMPTS", 4):
        for step in range(1, steps + 1):
            try:
                model.step()
            except AssertionError as wrong:
                raise AssertionError(f"seed {seed}, step {step}: {wrong}") from wrong
            if step % LEG_STEPS == 0 or step == steps:
                _add(walked, model)
                model = Model(seed + step)
            told(step)
    return walked


def _add(walked: Walk, model: Model) -> None:
    walked.moves += model.moves
    walked.ends += model.ends
    walked.late += model.late


def _row_of(job_id: UUID) -> tuple[dict[str, Any], tuple[int, int]]:
    """The row of an import, and how many rows and chunks it has staged."""
    row = dict(ImportJob.objects.filter(pk=job_id).values().get())
    staged = StagedRow.objects.filter(job_id=job_id).count()
    return row, (staged, Chunk.objects.filter(job_id=job_id).count())


def _row(number: int) -> CountedRow:
    content = f"Passage {number}."
    row = SegmentRow(number + 1, content, None, None, None, {}, True)
    return CountedRow(row, 3, content_hash(content))


def _make_documents() -> list[Document]:
    tenant, _ = Tenant.objects.get_or_create(name="model")
    dataset = Dataset.objects.create(
        tenant=tenant,
        name=str(uuid4()),
        embedding_model_provider="wordllama",
        embedding_model="l2_supercat_256",
    )
    return [
        Document.objects.create(
            tenant=tenant, dataset=dataset, name=str(number), doc_form=DocForm.TEXT
        )
        for number in range(DOCUMENTS)
    ]

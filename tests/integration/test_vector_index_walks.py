"""Whatever is published, edited, deleted, undone and built, in any order: nothing is missed."""

from collections.abc import Callable
from random import Random
from uuid import UUID

import pytest

from datasets.models import Dataset, Document
from segments.exceptions import StateConflict
from segments.imports import undo
from segments.indexing import build, plan, tables, upkeep
from segments.models import DocumentSegment, ImportJob, IndexGeneration
from segments.search import search
from segments.search import vectors as search_vectors
from segments.services import indexes, reembeddings
from segments.services.segments import NewText, delete_segments, update_segment

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = ("lamp", "pump", "filter", "valve", "door", "oven", "cable", "Ulm", "Rome", "Oslo", "Lima")
STEPS = 25
# Candidates are chosen by vectors in half precision.
HALF_PRECISION = 0.001
QUESTIONS = ("where is the lamp?", "an oven in Oslo", "the battery of Lima")


class Walk:
    """A dataset, and what can be done to it; `chance` decides."""

    def __init__(self, document: Document, import_text: ImportText, chance: Random) -> None:
        self.document, self.import_text, self.chance = document, import_text, chance
        self.done: list[str] = []

    @property
    def dataset(self) -> Dataset:
        return Dataset.objects.get(pk=self.document.dataset_id)

    def text(self) -> str:
        return " ".join(self.chance.choices(WORDS, k=6)) + f" {self.chance.randint(1, 99)}"

    def some(self, most: int) -> list[UUID]:
        ids = list(DocumentSegment.objects.order_by("pk").values_list("pk", flat=True))
        return self.chance.sample(ids, min(self.chance.randint(1, most), len(ids)))

    def now(self, segment_id: UUID) -> str:
        return DocumentSegment.objects.get(pk=segment_id).content

    def publish(self) -> None:
        texts = [self.text() for _ in range(self.chance.randint(1, 25))]
        self.import_text(self.document, "content\n" + "\n".join(texts) + "\n")

    def edit(self) -> None:
        for segment_id in self.some(4):
            update_segment(segment_id, NewText(self.text()))

    def delete(self) -> None:
        delete_segments(self.some(15))

    def switch_off(self) -> None:
        DocumentSegment.objects.filter(pk__in=self.some(10)).update(enabled=False)

    def undo(self) -> None:
        job = ImportJob.objects.filter(undone_at=None).order_by("-created_at").first()
        if job is not None:
            try:
                undo.undo(job.pk)
            except StateConflict:
                self.done.append("(refused)")

    def build(self) -> None:
        indexes.run_in_foreground(indexes.start_build(self.dataset, background=False))

    def reembed(self) -> None:
        model = self.dataset.model
        reembeddings.run_in_foreground(
            reembeddings.change_model(self.dataset, *model, background=False)
        )

    def upkeep(self) -> None:
        upkeep.tidy()
        upkeep.start_due_builds()
        for generation in IndexGeneration.objects.open():
            build.run(generation.pk)

    def lose_a_table(self) -> None:
        for table in list(tables.existing())[:1]:
            tables._is_dropped(table)

    def step(self) -> None:
        steps: list[Callable[[], None]] = [
            *(self.publish, self.publish, self.edit, self.delete, self.switch_off, self.undo),
            *(self.build, self.build, self.upkeep, self.lose_a_table, self.reembed),
        ]
        step = self.chance.choice(steps)
        self.done.append(step.__name__)
        step()


def scores(walk: Walk, question: str, *, exact: bool = False) -> list[float]:
    """Of the hits: equal texts have equal ones, and which of them is found does not matter."""
    hits = search(walk.dataset, question, "semantic", top_k=6, exact=exact)
    assert all(hit.content == walk.now(hit.segment_id) for hit in hits)
    return [hit.score for hit in hits]


@pytest.mark.parametrize("seed", range(3))
def test_a_search_by_the_index_is_the_exact_one(
    passages: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """With so few rows the index misses none: what differs was lost on the way."""
    monkeypatch.setattr(plan, "TAIL_ROWS", 5)
    monkeypatch.setattr(search_vectors, "CANDIDATES", 15)
    monkeypatch.setattr(search_vectors, "CANDIDATES_A_HIT", 2)
    walk = Walk(passages, import_text, Random(seed))
    walk.publish()
    for _ in range(STEPS):
        walk.step()
        for question in QUESTIONS:
            assert scores(walk, question) == pytest.approx(
                scores(walk, question, exact=True), abs=HALF_PRECISION
            ), walk.done
    assert IndexGeneration.objects.exists()

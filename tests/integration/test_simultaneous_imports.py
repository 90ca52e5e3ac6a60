"""Imports of one document at the same moment, and two that make the same place."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import StringIO
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.models import Count, Max, Sum

from datasets.models import Dataset, Document, Tenant
from segments.files.types import Progress
from segments.models import DocumentSegment, ImportJob
from segments.models.import_job import ImportStatus

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 5
PATIENCE_SECONDS = 60


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What they give, each in a thread and on connections of its own."""

    def run(work: Callable[[], Any]) -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def rows(about: str, count: int = 25) -> str:
    """As many questions and answers."""
    lines = (f"What is {n} of {about}?,{about} {n}.\n" for n in range(count))
    return "question,answer\n" + "".join(lines)


def meet(barrier: Barrier, progress: Progress) -> None:
    """Wait for the other import before publishing."""
    if progress.phase == ImportStatus.PUBLISHING:
        barrier.wait(PATIENCE_SECONDS)


def test_positions_have_no_gap_and_no_duplicate(
    document: Document, import_text: ImportText, small_chunks: int
) -> None:
    barrier = Barrier(2)
    for number in range(ROUNDS):
        jobs = at_once(
            *(
                partial(
                    import_text, document, rows(f"{who}{number}"), listener=partial(meet, barrier)
                )
                for who in ("a", "b")
            )
        )
        assert [job.status for job in jobs] == ["completed"] * 2, [job.error for job in jobs]

    segments = DocumentSegment.objects.filter(document=document)
    total = ROUNDS * 2 * 25
    positions = segments.order_by("position").values_list("position", flat=True)
    assert list(positions) == list(range(1, total + 1))
    document.refresh_from_db()
    sums = segments.aggregate(rows=Count("pk"), words=Sum("word_count"), tokens=Sum("tokens"))
    assert sums == {"rows": total, "words": document.word_count, "tokens": document.tokens}
    assert document.segment_count == total


def test_each_imports_rows_stay_together_in_the_files_order(
    document: Document, import_text: ImportText, small_chunks: int
) -> None:
    barrier = Barrier(2)
    at_once(
        *(
            partial(import_text, document, rows(who), listener=partial(meet, barrier))
            for who in ("a", "b")
        )
    )

    contents = list(DocumentSegment.objects.order_by("position").values_list("content", flat=True))
    one, other = (
        [f"What is {n} of {who}?" for n in range(25)]
        for who in (("a", "b") if contents[0].endswith("a?") else ("b", "a"))
    )
    assert contents == one + other


def test_two_that_make_the_same_place_make_one(
    transactional_db: None, write_file: Callable[..., Path]
) -> None:
    files = [write_file(rows(who), f"{who}.csv") for who in "abc"]

    def make(file: Path, place: str) -> None:
        options = ("--tenant", "new", "--dataset", place, "--document", "doc", "--create")
        call_command("import_segments", str(file), *options, stdout=StringIO())

    for number in range(3):
        at_once(*(partial(make, file, f"kb{number}") for file in files))

    assert Tenant.objects.count() == 1
    assert Dataset.objects.count() == Document.objects.count() == 3
    assert set(ImportJob.objects.values_list("status", flat=True)) == {"completed"}
    last = DocumentSegment.objects.values("document").annotate(last=Max("position"))
    assert [each["last"] for each in last] == [75] * 3

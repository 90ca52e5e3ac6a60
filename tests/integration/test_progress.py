"""The cache's copy of an import's state: always behind the row, never in its way."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.cache import cache
from django.db import OperationalError, connections
from django.db.models import F
from pytest_django import Settings

from datasets.models import Document
from segments import progress, tasks
from segments import progress as status_cache
from segments.exceptions import ImportNotFound
from segments.imports.state import IMPORT_JOBS
from segments.models import ImportJob
from segments.models.import_job import ImportStatus
from segments.progress import measure, mirror, read_progress
from segments.services import imports

from .conftest import Start

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\nHow do I reset it?,Hold the button.\nWhere is it made?,In Ulm.\n"


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def copy_of(job: ImportJob) -> dict[str, Any]:
    text = cache.get(f"segment_batch_import_{job.pk}")
    assert isinstance(text, str)
    copy: dict[str, Any] = json.loads(text)
    return copy


def test_the_copy_follows_the_row_from_start_to_end(document: Document, start: Start) -> None:
    job = start(document, QA)
    assert copy_of(job)["job_status"] == "waiting"

    tasks.run_import(str(job.pk))

    copy = copy_of(job)
    assert copy["job_status"] == "completed"
    assert (copy["rows_total"], copy["rows_published"], copy["rows_embedded"]) == (2, 2, 2)
    assert copy == json.loads(measure(job.pk).to_json()) | {"measured_at": copy["measured_at"]}


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_every_end_is_mirrored_with_its_reason(document: Document, start: Start, end: str) -> None:
    job = start(document, QA if end == "cancelled" else "question,answer\nblank,\n")
    if end == "cancelled":
        imports.cancel_import(job)
    tasks.run_import(str(job.pk))

    copy = copy_of(job)
    assert (copy["status"], copy["job_status"]) == (end, "error")
    assert copy["error"]
    assert copy["error_code"]


def test_copies_are_kept_a_minute_while_open_and_ten_after_the_end(
    document: Document, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[tuple[str, int]] = []
    original = cache.set

    def note(key: str, value: str, timeout: int) -> None:
        kept.append((json.loads(value)["status"], timeout))
        original(key, value, timeout)

    monkeypatch.setattr(cache, "set", note)
    job = start(document, QA)
    tasks.run_import(str(job.pk))

    assert kept[0] == ("waiting", 60)
    assert kept[-1] == ("completed", 600)
    assert {seconds for status, seconds in kept if status != "completed"} == {60}


def test_an_open_import_is_read_from_the_cache(document: Document, start: Start) -> None:
    job = start(document, QA)
    ImportJob.objects.filter(pk=job.pk).update(rows_total=7)  # which nobody mirrors

    assert read_progress(job.pk).rows_checked == 0


@pytest.mark.parametrize(
    "copy",
    [
        None,
        "",
        "waiting",
        "[]",
        '{"job_status": "waiting"}',
        lambda other: measure(other.pk).to_json(),  # of another import
        lambda other: {"not": "text"},
    ],
    ids=["none", "empty", "a word", "a list", "too little", "of another", "not text"],
)
def test_a_copy_that_is_of_no_use_is_passed_over(
    document: Document, start: Start, copy: str | Callable[[ImportJob], object] | None
) -> None:
    other = start(document, QA)
    job = start(document, QA.replace("Ulm", "Bern"))
    key = status_cache.key(job.pk)
    cache.set(key, copy(other) if callable(copy) else copy) if copy is not None else cache.delete(
        key
    )

    assert read_progress(job.pk).job_id == str(job.pk)


def test_the_end_is_read_from_the_row(document: Document, start: Start) -> None:
    job = start(document, QA)
    tasks.run_import(str(job.pk))
    ImportJob.objects.filter(pk=job.pk).update(rows_created=5)

    assert read_progress(job.pk).rows_published == 5


def test_an_older_state_never_replaces_a_newer_one(document: Document, start: Start) -> None:
    job = start(document, QA)
    old = measure(job.pk).to_json()
    tasks.run_import(str(job.pk))

    # Somebody who had read the row before writes what he knows afterwards.
    status_cache.write(job.pk, old, is_final=False)
    mirror(job.pk)

    assert copy_of(job)["status"] == ImportStatus.COMPLETED


def test_of_many_who_mirror_at_once_the_newest_state_stays(
    document: Document, start: Start
) -> None:
    job = start(document, QA)

    def move() -> None:
        for _ in range(10):
            ImportJob.objects.filter(pk=job.pk).update(revision=F("revision") + 1)
            mirror(job.pk)
        connections.close_all()

    threads = [threading.Thread(target=move) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert copy_of(job)["revision"] == 40


def test_a_cache_that_is_down_fails_no_import(
    document: Document, start: Start, settings: Settings
) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/1",
        }
    }
    job = start(document, QA)
    tasks.run_import(str(job.pk))

    assert read_progress(job.pk).status == ImportStatus.COMPLETED


def test_a_connection_that_is_lost_while_mirroring_takes_nothing_back(
    document: Document, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was mirrored has been committed: who asked for it must not be told that it failed."""

    def lose(job_id: UUID) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(progress, "mirror", lose)

    job = start(document, QA)

    assert IMPORT_JOBS.claim_preparing(job.pk)


def test_an_import_that_is_gone_has_no_progress(document: Document, start: Start) -> None:
    job = start(document, QA)
    document.dataset.delete()

    mirror(job.pk)
    with pytest.raises(ImportNotFound):
        measure(job.pk)
    with pytest.raises(ImportNotFound):
        read_progress(uuid4())

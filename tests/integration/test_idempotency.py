"""One job for a request, however often and however simultaneously it arrives."""

import threading
from collections.abc import Callable
from io import BytesIO

import pytest
from django.db import connections
from django_q.models import OrmQ

from datasets.models import Dataset, Document, Tenant
from segments import tasks
from segments.exceptions import IdempotencyConflict
from segments.files.options import ImportMode, ImportOptions, OnError
from segments.models import ImportJob
from segments.models.import_job import ImportSource
from segments.services import imports

from .conftest import MakeDocument
from .storage import stored_files

pytestmark = pytest.mark.django_db(transaction=True)

QA = b"question,answer\nHow do I reset it?,Hold the button.\n"
OTHER = b"question,answer\nIs it blue?,No.\n"


def submit(
    document: Document,
    content: bytes = QA,
    *,
    key: str | None = None,
    options: ImportOptions | None = None,
) -> ImportJob:
    return imports.start_import(
        document,
        BytesIO(content),
        "a.csv",
        source=ImportSource.API,
        options=options,
        idempotency_key=key,
    )


def at_once(number: int, work: Callable[[], ImportJob]) -> list[ImportJob]:
    """What `work` returns in so many threads that start together."""
    barrier, jobs = threading.Barrier(number), list[ImportJob]()

    def run() -> None:
        barrier.wait()
        try:
            jobs.append(work())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return jobs


@pytest.mark.parametrize("key", ["a-key", None])
def test_eight_at_once_make_one_job_one_message_and_keep_one_file(
    document: Document, key: str | None
) -> None:
    before = stored_files()

    jobs = at_once(8, lambda: submit(document, key=key))

    assert len(jobs) == 8
    assert len({job.pk for job in jobs}) == 1
    assert OrmQ.objects.count() == 1
    assert len(stored_files() - before) == 1


def test_eight_at_once_with_one_key_for_several_documents_make_one_job(
    dataset: Dataset, make_document: MakeDocument
) -> None:
    documents = iter([make_document(dataset, f"document {n}") for n in range(8)])
    lock = threading.Lock()

    def submit_to_the_next() -> ImportJob:
        with lock:
            document = next(documents)
        return submit(document, key="a-key")

    refused: list[BaseException] = []
    hook = threading.excepthook
    threading.excepthook = lambda args: refused.append(args.exc_value or KeyError())
    try:
        jobs = at_once(8, submit_to_the_next)
    finally:
        threading.excepthook = hook

    assert len(jobs) == ImportJob.objects.count() == 1
    assert [type(error) for error in refused] == [IdempotencyConflict] * 7


def test_a_key_answers_with_its_job_even_after_the_end(document: Document) -> None:
    first = submit(document, key="a-key")
    tasks.run_import(str(first.pk))

    assert submit(document, key="a-key").pk == first.pk
    assert submit(document, key="another").pk != first.pk


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (OTHER, None),
        (QA, ImportOptions(on_error=OnError.SKIP)),
        (QA, ImportOptions(mode=ImportMode.REPLACE)),
    ],
)
def test_a_key_for_another_body_is_refused_and_nothing_is_kept(
    document: Document, content: bytes, options: ImportOptions | None
) -> None:
    submit(document, key="a-key")
    before = stored_files()

    with pytest.raises(IdempotencyConflict, match="a-key"):
        submit(document, content, key="a-key", options=options)

    assert ImportJob.objects.count() == 1
    assert stored_files() == before


def test_a_key_belongs_to_its_tenant(document: Document, make_document: MakeDocument) -> None:
    other = Dataset.objects.create(
        tenant=Tenant.objects.create(name="other"), name="theirs", indexing_technique="economy"
    )

    first = submit(document, key="a-key")

    assert submit(make_document(other), OTHER, key="a-key").pk != first.pk


def test_without_a_key_the_same_file_is_the_same_request_until_its_end(
    document: Document, dataset: Dataset, make_document: MakeDocument
) -> None:
    first = submit(document)

    assert submit(document).pk == first.pk
    assert submit(document, OTHER).pk != first.pk
    assert submit(document, options=ImportOptions(on_error=OnError.SKIP)).pk != first.pk
    assert submit(make_document(dataset, "another")).pk != first.pk
    tasks.run_import(str(first.pk))
    assert submit(document).pk != first.pk


def test_a_file_somebody_imports_in_the_foreground_is_another_request(document: Document) -> None:
    own = imports.start_import(
        document, BytesIO(QA), "a.csv", source=ImportSource.COMMAND, background=False
    )

    assert submit(document).pk != own.pk

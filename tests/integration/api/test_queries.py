"""Lists ask the database the same few questions however many entries they have."""

from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from datasets.models import Dataset, Document
from segments import tasks
from segments.models import ImportJob, RowError
from segments.models.import_job import ImportStatus

from ..api_client import Api
from ..conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)

MORE = 12


def queries(ask: Callable[[], object]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        ask()
    return len(captured)


def many_datasets(document: Document) -> str:
    for number in range(MORE):
        dataset = Dataset.objects.create(
            tenant=document.tenant, name=f"{number}", indexing_technique="economy"
        )
        Document.objects.create(tenant=document.tenant, dataset=dataset, name="one")
    return "datasets"


def many_documents(document: Document) -> str:
    for number in range(MORE):
        Document.objects.create(tenant=document.tenant, dataset=document.dataset, name=f"{number}")
    return f"datasets/{document.dataset_id}/documents"


def many_imports(document: Document) -> str:
    job = ImportJob.objects.get()
    for status in (ImportStatus.WAITING, ImportStatus.EMBEDDING, ImportStatus.PREPARING) * 4:
        job.pk, job.status, job._state.adding = None, status, True
        job.finished_at, job.lease_until = None, timezone.now()
        job.save(force_insert=True)
    return "imports"


def many_errors(document: Document) -> str:
    job = ImportJob.objects.get()
    RowError.objects.bulk_create(RowError(job=job, line=n, code="x") for n in range(MORE))
    return f"imports/{job.pk}/errors"


@pytest.mark.parametrize("fill", [many_datasets, many_documents, many_imports, many_errors])
def test_a_list_of_many_asks_no_more_than_a_list_of_one(
    api: Api, document: Document, fill: Callable[[Document], str]
) -> None:
    tasks.run_import(api.start(document, b"question,answer\nblank,\n"))
    few = {
        path: queries(partial(api.get, path))
        for path in (
            "datasets",  # and what is asked once a minute
            "datasets",
            f"datasets/{document.dataset_id}/documents",
            "imports",
            f"imports/{ImportJob.objects.get().pk}/errors",
        )
    }

    path = fill(document)

    assert len(api.get(path).json()["data"]) > MORE
    # Whoever embeds is asked for all of them at once, if one of them embeds.
    assert queries(lambda: api.get(path)) <= few[path] + (fill is many_imports)
    assert few[path] <= 6


def test_hits_are_read_at_once(
    api: Api, dataset: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    rows = "".join(f"Is it number {n}?,Yes.\n" for n in range(30))
    import_text(make_document(dataset), "question,answer\n" + rows)

    def asked(top_k: int) -> int:
        body = {"query": "number", "retrieval_model": {"top_k": top_k}}
        return queries(lambda: api.post(f"datasets/{dataset.pk}/retrieve", body))

    asked(1)
    assert asked(30) == asked(1)

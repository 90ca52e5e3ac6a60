"""One use case, three sources and programs: the same file gives the same segments."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from datasets.models import Dataset, DocForm, Document
from segments.imports import runner as pipeline
from segments.models import DocumentSegment, ImportJob
from segments.models.import_job import ImportSource
from segments.services import imports

from .api_client import Api, batch_import
from .conftest import MakeDocument
from .roles import LogIn
from .test_import_pages import confirm, upload

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = """external_id,question,answer,keywords,enabled,metadata.page
a-1,How do I reset it?,"Hold the button,
then wait.",reset;button,true,1
a-2,Wo wird es gemacht? 在哪里？,In Ulm.,,false,00123
a-3,NA,null,,,
"""
OWN = {
    *("id", "document_id", "index_node_id", "created_by_id", "import_job_id", "embedding"),
    "version",
}


def same_for_all(document: Document) -> list[dict[str, Any]]:
    """All that a document's segments say, besides their ids, their makers and the time."""
    segments = DocumentSegment.objects.filter(document=document).order_by("position")
    return [
        {name: value for name, value in row.items() if name not in OWN and not name.endswith("_at")}
        | {"vector": list(segment.embedding if segment.embedding is not None else [])}
        for row, segment in zip(segments.values(), segments, strict=True)
    ]


def test_the_same_file_gives_the_same_segments(
    dataset: Dataset,
    make_document: MakeDocument,
    write_file: Callable[..., Path],
    api: Api,
    log_in: LogIn,
) -> None:
    by_command, by_api, by_admin = (
        make_document(dataset, name, DocForm.QA) for name in ("command", "api", "admin")
    )
    place = {"tenant": dataset.tenant.name, "dataset": dataset.name, "document": "command"}
    call_command("import_segments", str(write_file(ROWS)), **place)
    pipeline.run(
        ImportJob.objects.get(
            pk=api.send(batch_import(by_api), {"file": ROWS.encode()}).json()["job_id"]
        ).pk
    )
    client = log_in("editor")
    pipeline.run(confirm(client, by_admin, upload(client, by_admin, ROWS)).pk)

    assert [*ImportJob.objects.order_by("created_at").values_list("source", "status")] == [
        ("command", "completed"),
        ("api", "completed"),
        ("admin", "completed"),
    ]
    first = same_for_all(by_command)
    assert len(first) == 3
    assert same_for_all(by_api) == first
    assert same_for_all(by_admin) == first


def test_a_program_is_a_source_of_its_own(dataset: Dataset, make_document: MakeDocument) -> None:
    document = make_document(dataset, "program", DocForm.QA)
    job = imports.start_import(document, BytesIO(ROWS.encode()), "rows.csv")
    assert job.source == ImportSource.PROGRAM
    assert imports.cancel_import(job).status == "cancelled"
    assert imports.retry_import(job).source == ImportSource.PROGRAM

"""Imports of one tenant wait for each other; those of others go past them."""

from collections.abc import Iterator

import pytest
from django_q.models import OrmQ
from pytest_django import Settings

from datasets.models import Dataset, Document, Tenant
from segments.imports import runner as running
from segments.imports.state import IMPORT_JOBS
from segments.models.import_job import ImportStatus

from .conftest import ImportText, MakeDocument, Start

pytestmark = pytest.mark.django_db(transaction=True)


def about(subject: str) -> str:
    return f"question,answer\nWhat is {subject}?,A letter.\n"


@pytest.fixture(autouse=True)
def one_at_a_time(settings: Settings) -> Iterator[None]:
    """One import a tenant; no hint of another test is left."""
    settings.SEGMILL_TENANT_IMPORTS = 1
    yield
    OrmQ.objects.all().delete()


@pytest.fixture
def other_document(make_document: MakeDocument) -> Document:
    """A document of another tenant."""
    dataset = Dataset.objects.create(
        tenant=Tenant.objects.create(name="other"),
        name="handbook",
        embedding_model_provider="wordllama",
        embedding_model="l2_supercat_256",
    )
    return make_document(dataset)


def enqueued() -> list[str]:
    return [message.args()[0] for message in OrmQ.objects.order_by("id")]


def test_the_next_import_waits_and_another_tenants_goes_past_it(
    document: Document, other_document: Document, start: Start
) -> None:
    first, second = start(document, about("a")), start(document, about("b"))
    others = start(other_document, about("a"))
    assert IMPORT_JOBS.claim_preparing(first.pk)

    assert running.run(second.pk).status == ImportStatus.WAITING
    assert running.run(others.pk).status == ImportStatus.COMPLETED


def test_the_end_of_one_calls_the_one_that_has_waited_longest(
    document: Document, start: Start
) -> None:
    first, second, third = (start(document, about(name)) for name in "abc")
    OrmQ.objects.all().delete()

    assert running.run(first.pk).status == ImportStatus.COMPLETED
    assert enqueued() == [str(second.pk)]
    IMPORT_JOBS.cancel(second.pk, "Not needed.")
    running.settle(second.pk)
    assert enqueued() == [str(second.pk), str(third.pk)]
    assert running.run(third.pk).status == ImportStatus.COMPLETED


def test_a_foreground_import_does_not_wait(
    document: Document, start: Start, import_text: ImportText
) -> None:
    assert IMPORT_JOBS.claim_preparing(start(document, about("a")).pk)
    assert import_text(document, about("b")).status == ImportStatus.COMPLETED


def test_zero_is_no_limit(document: Document, start: Start, settings: Settings) -> None:
    settings.SEGMILL_TENANT_IMPORTS = 0
    for name in "ab":
        assert IMPORT_JOBS.claim_preparing(start(document, about(name)).pk)

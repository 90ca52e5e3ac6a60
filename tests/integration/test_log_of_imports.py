"""What the log tells of an import: every claim and end, and what each line is about."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from config.logs import AboutFilter
from datasets.models import Dataset, DocForm, Document, Tenant
from segments.embedding import catalog
from segments.exceptions import CredentialsRefused
from segments.jobs.log_context import FIELDS
from tests.servers.embeddings import EmbeddingsServer, status

from .api_client import Api
from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\n" + "".join(f"question {n},answer {n}\n" for n in range(10))


@dataclass(frozen=True, slots=True)
class Line:
    """A line, and what it is about."""

    message: str
    about: dict[str, Any]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[Line]]:
    """What our own code has written so far."""
    found: list[Line] = []

    class Keeper(AboutFilter):
        """Keeps the lines that pass by."""

        def filter(self, record: logging.LogRecord) -> bool:
            super().filter(record)
            about = {name: vars(record)[name] for name in FIELDS if name in vars(record)}
            found.append(Line(record.getMessage(), about))
            return True

    caplog.set_level(logging.INFO, "segments")
    caplog.handler.addFilter(keeper := Keeper())
    yield found
    caplog.handler.removeFilter(keeper)


def about(lines: list[Line], beginning: str) -> list[dict[str, Any]]:
    return [line.about for line in lines if line.message.startswith(beginning)]


def test_claims_chunks_and_the_end(
    document: Document, import_text: ImportText, small_chunks: int, lines: list[Line]
) -> None:
    job = import_text(document, QA)
    ids = {"job": str(job.pk), "tenant": str(job.tenant_id)}

    assert about(lines, "claimed") == [
        ids | {"phase": "preparing", "attempt": 1},
        ids | {"phase": "publishing", "attempt": 1},
    ]
    chunks = about(lines, "embedded ")
    assert sorted(chunk.pop("chunk") for chunk in chunks) == [1, 2, 3]
    assert chunks == [ids | {"phase": "embedding", "attempt": 1}] * 3
    assert about(lines, "completed: 10 rows created") == [ids | {"attempt": 1}]


def test_a_refusal(document: Document, import_text: ImportText, lines: list[Line]) -> None:
    job = import_text(document, QA + ",no question\n")

    (failed,) = about(lines, "failed: 1 of")
    assert failed["job"] == str(job.pk)
    (ended,) = [line for line in lines if line.message.startswith("failed: 0 rows")]
    assert job.error in ended.message


def test_a_key_that_an_endpoint_refuses_is_in_no_line(
    tenant: Tenant,
    server: EmbeddingsServer,
    settings: Settings,
    make_document: MakeDocument,
    import_text: ImportText,
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = settings.SEGMILL_OPENAI_API_KEY = "sk-this-is-it-and-nobody-is-told"
    catalog.load.cache_clear()
    settings.SEGMILL_OPENAI_BASE_URL = server.url
    dataset = Dataset.objects.create(
        tenant=tenant, name="remote", embedding_model_provider="openai", embedding_model="m"
    )
    passages = make_document(dataset, "passages", DocForm.TEXT)
    caplog.set_level(logging.DEBUG)
    server.always = status(401)

    with pytest.raises(CredentialsRefused) as refusal:
        import_text(passages, "content\nx\n")

    assert server.requests
    assert key not in caplog.text
    assert key not in str(refusal.value)


def test_a_key_of_the_api_is_in_no_line(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = api.headers["Authorization"].removeprefix("Bearer ")
    api.get("datasets")
    api.get("nowhere")
    Client().get("/v1/datasets", headers={"Authorization": f"Basic {key}"})

    assert key not in caplog.text

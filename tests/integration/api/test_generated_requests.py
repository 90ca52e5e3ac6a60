"""Generated requests, valid and invalid: the API answers as its own description says.

Schemathesis asks in four ways: examples, the bounds of each field, at random, and in chains where
a request names what an earlier one has made. Each key sees its own: one that may write, and one
that may only read.
"""

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
import werkzeug
from django.core.wsgi import get_wsgi_application
from django.db import connection
from pytest_django import Settings
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.run import PhaseName

from datasets.models import Dataset, DocForm, Document, MetadataField, Tenant
from segments.models import ApiKey, DocumentSegment
from segments.services.api_keys import create_api_key
from segments.services.new_segments import NewSegment
from segments.services.parents import add_parents

from ..conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)

# Of the bounds of an operation's fields: the first are all sent, then one of so many. With 1, all
# 5,000 are, which takes minutes.
FIRST, ONE_OF = 6, 40
# Refusals of what is valid in itself: they depend on what there is, or on other fields.
DEPENDS = re.compile(
    r"option_refused|idempotency_conflict|format_unknown|already exists|File type not allowed|"
    r"tag_id: This field is required|"
    r"There is no language|There is no text search configuration|does not compare with|"
    r"needs a value|needs values|must be above 0|"
    r"Document not found|Document is not available|name is required when text|"
    r"has been changed since you read it|A process rule is for a text|Tag not found|"
    r"Segments have no child chunks"
)


class Client(werkzeug.Client):
    """A client that takes no notice of what only a socket could be told."""

    def open(self, *args: Any, **options: Any) -> Any:
        for name in ("max_redirects", "verify", "cert", "proxies"):
            options.pop(name, None)
        return super().open(*args, **options)


@pytest.fixture
def application(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> Iterator[Callable[..., Iterable[bytes]]]:
    """The application; its answers are read and closed as a server does."""
    monkeypatch.setattr("schemathesis.python.wsgi.get_client", Client)
    monkeypatch.setattr(logging.getLogger("django.request"), "disabled", True)
    settings.SEGMILL_ENDPOINT_HOSTS = ["nobody.example"]  # no name is looked up
    app, opened = get_wsgi_application(), set[Any]()

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        found = app(environ, start_response)
        opened.add(connection.connection)  # of a thread of the generator's
        if found.headers["Content-Type"] == "text/event-stream":
            return found
        try:
            return [b"".join(found)]
        finally:
            found.close()

    yield answer
    for other in opened - {connection.connection, None}:
        other.close()


@schemathesis.serializer("application/x-ndjson")
def lines(context: Any, value: Any) -> bytes:
    """A row a line: the description is of one."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


@pytest.fixture
def known(
    dataset: Dataset, passages: Document, import_text: ImportText, make_document: MakeDocument
) -> dict[str, dict[str, str]]:
    """What exists, by the names of the parameters: for most operations, and for some."""
    job = import_text(passages, "content\nHold the button.\n")
    segment = DocumentSegment.objects.get(document=passages)
    field = MetadataField.objects.create(dataset=dataset, name="x", kind="string")
    whole = make_document(dataset, "whole", DocForm.HIERARCHICAL)
    (passage,) = add_parents(whole, [NewSegment(content="The lamp is green.")])
    usual = {
        "dataset_id": dataset.pk,
        "document_id": passages.pk,
        "segment_id": segment.pk,
        "job_id": job.pk,
        "field_id": field.pk,
        "batch": passages.batch,
    }
    others = {
        "child_chunks": {"document_id": whole.pk, "segment_id": passage.pk},
        "update-by|{document_id}$": {"document_id": make_document(dataset, "new").pk},
    }
    return {"": _texts(usual)} | {path: _texts(ids) for path, ids in others.items()}


def _texts(ids: dict[str, Any]) -> dict[str, str]:
    return {f"path.{name}": str(value) for name, value in ids.items()}


# With a key that only reads, all requests that write are refused alike: a few will do.
EVERY_WAY = {"coverage": {"unexpected-methods": ["PUT"]}, "stateful": {"max-steps": 6}}
AT_RANDOM = {"coverage": {"enabled": False}, "stateful": {"enabled": False}}


def config(key: str, known: dict[str, dict[str, str]], ways: dict[str, Any]) -> SchemathesisConfig:
    kept = ["GET", "POST", "PATCH"]
    some = [
        {"include-path-regex": path, "include-method": kept, "parameters": ids}
        for path, ids in known.items()
        if path
    ]
    nothing = {"path.dataset_id": str(uuid4()), "path.webhook_id": str(uuid4())}
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "headers": {"Authorization": f"Bearer {key}"},
            "max-stream-events": 1,
            "request-timeout": 5,
            "continue-on-failure": True,
            "parameters": known[""],
            "operations": [{"include-method": "DELETE", "parameters": nothing}, *some],
            "phases": ways,
            "generation": {
                "max-examples": 1,
                "database": "none",
                "no-shrink": True,
                "deterministic": True,
                "allow-x00": False,
            },
        }
    )


def failures_of(
    application: Any, key: str, known: dict[str, dict[str, str]], ways: dict[str, Any]
) -> list[str]:
    """What is wrong with the answers, if anything is."""
    wanted = config(key, known, ways)
    schema = schemathesis.openapi.from_wsgi("/v1/schema", application, config=wanted)
    sent = Counter[str]()

    @schema.hook
    def filter_case(context: Any, case: Any) -> bool:
        if case.meta.phase.name.value != PhaseName.COVERAGE.value:
            return True
        sent[case.operation.label] += 1
        number = sent[case.operation.label]
        return number <= FIRST or number % ONE_OF == 0

    return list(dict.fromkeys(_failures(from_schema(schema).execute())))


def _failures(stream: Iterable[Any]) -> Iterator[str]:
    for event in stream:
        if isinstance(event, events.NonFatalError):
            yield f"{event.label}: {event.value!r}"
        elif isinstance(event, events.ScenarioFinished):
            yield from _failures_in(event.recorder)


def _failures_in(recorder: Any) -> Iterator[str]:
    for case_id, checks in recorder.checks.items():
        answer = getattr(recorder.interactions.get(case_id), "response", None)
        body = answer.content.decode(errors="replace") if answer and answer.content else ""
        for check in checks:
            depends = check.name == "positive_data_acceptance" and DEPENDS.search(body)
            if check.failure_info and not depends:
                failure = check.failure_info.failure
                how = check.failure_info.code_sample[:2_000]
                yield f"{recorder.label}: {failure.title}\n{failure.message}\n{how}\n{body[:500]}"


def test_every_answer_is_as_described(
    application: Any, tenant: Tenant, known: dict[str, dict[str, str]]
) -> None:
    key = create_api_key(tenant, "writes")[1]
    failures = failures_of(application, key, known, EVERY_WAY)

    assert not failures, "\n\n".join(failures)


def test_a_key_that_reads_changes_nothing(
    application: Any, tenant: Tenant, dataset: Dataset, known: dict[str, dict[str, str]]
) -> None:
    key = create_api_key(tenant, "reads", scope=ApiKey.Scope.READ, dataset=dataset)[1]
    before = _segments()
    failures = failures_of(application, key, known, AT_RANDOM)

    assert not failures, "\n\n".join(failures)
    assert _segments() == before
    assert Dataset.objects.count() == 1


def _segments() -> list[Any]:
    """All segments, without their hits: questions are counted."""
    fields = ("pk", "document", "content", "keywords", "enabled", "updated_at")
    return list(DocumentSegment.objects.order_by("pk").values_list(*fields))

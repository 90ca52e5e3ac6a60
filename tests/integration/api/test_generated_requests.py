"""Generated requests, valid and invalid: the API answers as its own description says."""

import json
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
import werkzeug
from django.core.wsgi import get_wsgi_application
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from datasets.models import Dataset, DocForm, Document, MetadataField, Tenant
from segments.models import DocumentSegment, ParentSegment
from segments.services.api_keys import create_api_key
from segments.services.new_segments import NewSegment, add_segments
from segments.services.parents import add_parents

from ..api_client import QA
from ..conftest import ImportText, MakeDocument

# Refusals of what is valid in itself: they depend on what there is, or on other fields.
DEPENDS = re.compile(
    r"already exists|it names no column|tag_id: This field is required|Please upload your file|"
    r"is no language|There is no language|There is no text search configuration|"
    r"does not compare with|Document not found"
)


class Client(werkzeug.Client):
    """A client that takes no notice of what only a socket could be told."""

    def open(self, *args: Any, **options: Any) -> Any:
        for name in ("max_redirects", "verify", "cert", "proxies"):
            options.pop(name, None)
        return super().open(*args, **options)


def closing(app: Callable[..., Any]) -> Callable[..., Iterable[bytes]]:
    """The application, whose answers are read and closed as a server does."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        found = app(environ, start_response)
        if found.headers["Content-Type"] == "text/event-stream":
            return found
        try:
            return [b"".join(found)]
        finally:
            found.close()

    return answer


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("schemathesis.python.wsgi.get_client", Client)
    logger = logging.getLogger("django.request")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)


@schemathesis.serializer("application/x-ndjson")
def lines(context: Any, value: Any) -> Any:
    """A row a line: the description is of one."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def config(key: str, known: dict[str, Any], examples: int) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": int(os.environ.get("SEED", "1")),
            "headers": {"Authorization": f"Bearer {key}"},
            "max-stream-events": 1,
            "request-timeout": 5,
            "continue-on-failure": True,
            "parameters": {f"path.{name}": value for name, value in known["usual"].items()},
            "operations": [
                {"include-method": "DELETE", "parameters": {"path.dataset_id": str(uuid4())}},
                {
                    "include-path-regex": "child_chunks",
                    "include-method": ["GET", "POST", "PATCH"],
                    "parameters": {f"path.{n}": v for n, v in known["hierarchical"].items()},
                },
                {
                    "include-path-regex": "update-by|documents/{document_id}$",
                    "include-method": ["GET", "POST", "PATCH"],
                    "parameters": {"path.document_id": known["other"]},
                },
            ],
            "phases": {"coverage": {"unexpected-methods": ["PUT"]}},
            "generation": {
                "max-examples": examples,
                "database": "none",
                "no-shrink": True,
                "deterministic": True,
                "allow-x00": False,
            },
        }
    )


def run(key: str, known: dict[str, Any], examples: int = 3) -> list[str]:
    schema = schemathesis.openapi.from_wsgi(
        "/v1/schema", closing(get_wsgi_application()), config=config(key, known, examples)
    )
    found = []
    at = time.time()
    n = 0
    seen: set[str] = set()
    counts: Counter[str] = Counter()
    for event in from_schema(schema).execute():
        if isinstance(event, events.PhaseFinished):
            print(event.phase.name, event.status, round(time.time() - at, 1), n, flush=True)
            print(counts.most_common(20))
        if isinstance(event, events.NonFatalError):
            found.append(f"ERROR {event.label}: {event.value!r}")
        if isinstance(event, events.ScenarioFinished):
            n += len(event.recorder.interactions)
            counts[event.recorder.label] += len(event.recorder.interactions)
            for case_id, checks in event.recorder.checks.items():
                for check in checks:
                    if check.failure_info:
                        f = check.failure_info.failure
                        inter = event.recorder.interactions.get(case_id)
                        body = (inter.response.content or b"")[:300] if inter and inter.response else b""
                        if check.name == "positive_data_acceptance" and DEPENDS.search(body.decode(errors="replace")):
                            continue
                        sig = f"{event.recorder.label} {check.name} {f.title} {f.message[:80]}"
                        if sig in seen:
                            continue
                        seen.add(sig)
                        found.append(f"{event.phase} {event.recorder.label} [{check.name}] {f.title}: {f.message}\n   {check.failure_info.code_sample[:1500]}\n   {inter and inter.response and inter.response.status_code} {body!r}")
    return found


@pytest.fixture
def known(
    dataset: Dataset, passages: Document, import_text: ImportText, make_document: MakeDocument
) -> dict[str, Any]:
    job = import_text(passages, "content\nHold the button.\n")
    passages.refresh_from_db()
    field = MetadataField.objects.create(dataset=dataset, name="x", kind="string")
    segment = DocumentSegment.objects.filter(document=passages).first()
    whole = make_document(dataset, "whole", DocForm.HIERARCHICAL)
    (parent,) = add_parents(whole, [NewSegment(content="The lamp is green.")])
    return {
        "usual": {
            "dataset_id": str(dataset.pk),
            "document_id": str(passages.pk),
            "segment_id": str(segment.pk),
            "job_id": str(job.pk),
            "field_id": str(field.pk),
            "batch": passages.batch,
        },
        "hierarchical": {
            "document_id": str(whole.pk),
            "segment_id": str(parent.pk),
            "child_chunk_id": str(parent.parts[0].pk),
        },
        "other": str(make_document(dataset, "other", DocForm.TEXT).pk),
    }


def test_every_answer_is_as_described(tenant: Tenant, known: dict[str, Any]) -> None:
    failures = run(create_api_key(tenant, "fuzz")[1], known)
    print("\n\n".join(failures))
    assert not failures

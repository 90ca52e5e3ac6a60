"""Generated requests, valid and invalid: the API answers as its own description says."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode

from datasets.models import Dataset, Document, MetadataField
from segments.api.urls import urlpatterns  # noqa: F401  (fails early where the API does not load)
from segments.models import DocumentSegment

from ..api_client import QA, Api
from ..conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

# Requests for each operation, of each of both kinds; more of them take longer and find little.
EXAMPLES = 5


@pytest.fixture
def described(transactional_db: None) -> Any:
    """The API, with the description that it gives of itself."""
    schema = schemathesis.openapi.from_wsgi("/v1/schema", get_wsgi_application())
    schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    return schema


def ids_of(document: Document, job_id: str) -> dict[str, str]:
    """What exists, by the names of the parameters."""
    field = MetadataField.objects.create(dataset=document.dataset, name="x", kind="string")
    segment = DocumentSegment.objects.filter(document=document).first()
    assert segment is not None
    return {
        "dataset_id": str(document.dataset_id),
        "document_id": str(document.pk),
        "segment_id": str(segment.pk),
        "job_id": job_id,
        "field_id": str(field.pk),
        "batch": document.batch,
    }


def operations(schema: Any) -> Iterator[Any]:
    return (found.ok() for found in schema.get_all_operations())


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_as_described(
    described: Any,
    api: Api,
    document: Document,
    import_text: ImportText,
    mode: GenerationMode,
) -> None:
    job = import_text(document, QA)
    known = ids_of(document, str(job.pk))
    failures: list[str] = []
    for operation in operations(described):
        is_deleting = operation.method.upper() == "DELETE"

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Case[Any], is_deleting: bool = is_deleting) -> None:
            for name in case.path_parameters or {}:
                if name in known:
                    case.path_parameters[name] = str(uuid4()) if is_deleting else known[name]
            case.call_and_validate(headers=api.headers)

        try:
            ask()
        except Exception as failure:  # noqa: BLE001  (collected: all of them are wanted)
            failures.append(f"{operation.label}: {failure}")
    assert not failures, "\n\n".join(failures)
    assert Dataset.objects.filter(pk=document.dataset_id).exists()

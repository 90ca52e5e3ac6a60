"""A client of the API that shows a key."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from datasets.models import Dataset, Document, Tenant
from segments.api_keys import create_api_key

QA = b"question,answer\nHow do I reset it?,Hold the button.\nWhere is it made?,In Ulm.\n"


class Api:
    """Asks under /v1/ with a key and gives back what Django's test client does."""

    def __init__(self, key: str = "") -> None:
        self.client = Client()
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.client.get(f"/v1/{path}", query, headers=self.headers | headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        content = {} if body is None else body
        return self.client.post(
            f"/v1/{path}", content, "application/json", headers=self.headers | headers
        )

    def send(self, path: str, fields: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
        """A multipart form; bytes are files."""
        form = {
            name: SimpleUploadedFile("rows.csv", value, "text/csv")
            if isinstance(value, bytes)
            else value
            for name, value in fields.items()
        }
        return self.client.post(f"/v1/{path}", form, headers=self.headers | (headers or {}))

    def start(self, document: Document, content: bytes = QA, **fields: Any) -> str:
        """The id of a new import."""
        answer = self.send(batch_import(document), {"file": content} | fields)
        assert answer.status_code == 200, answer.json()
        return str(answer.json()["job_id"])


def batch_import(document: Document) -> str:
    return f"datasets/{document.dataset_id}/documents/{document.pk}/segments/batch_import"


@pytest.fixture
def api(tenant: Tenant) -> Api:
    """The API for the tenant most tests act for."""
    return Api(create_api_key(tenant, "tests")[1])


@pytest.fixture
def stranger(transactional_db: None) -> Api:
    """The API for another tenant, which has a dataset with a document of its own."""
    tenant = Tenant.objects.create(name="other")
    dataset = Dataset.objects.create(tenant=tenant, name="theirs", indexing_technique="economy")
    Document.objects.create(tenant=tenant, dataset=dataset, name="theirs")
    return Api(create_api_key(tenant, "other")[1])

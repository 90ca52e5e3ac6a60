"""A client of the REST API that shows a key."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from datasets.models import Document

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

    def patch(self, path: str, body: Any) -> Any:
        return self.client.patch(f"/v1/{path}", body, "application/json", headers=self.headers)

    def delete(self, path: str) -> Any:
        return self.client.delete(f"/v1/{path}", headers=self.headers)

    def send(self, path: str, fields: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
        """A multipart form; bytes are files, and so are names with bytes."""
        form = {name: _part(value) for name, value in fields.items()}
        return self.client.post(f"/v1/{path}", form, headers=self.headers | (headers or {}))

    def start(self, document: Document, content: bytes = QA, **fields: Any) -> str:
        """The id of a new import."""
        answer = self.send(batch_import(document), {"file": content} | fields)
        assert answer.status_code == 200, answer.json()
        return str(answer.json()["job_id"])


def batch_import(document: Document) -> str:
    return f"datasets/{document.dataset_id}/documents/{document.pk}/segments/batch_import"


def _part(value: Any) -> Any:
    if isinstance(value, bytes):
        return SimpleUploadedFile("rows.csv", value, "text/csv")
    if isinstance(value, tuple):
        return SimpleUploadedFile(*value)
    return value

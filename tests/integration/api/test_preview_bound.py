"""Previews of a tenant: one at a time in a web process, and no matter to other tenants."""

from threading import Event, Thread
from typing import Any

import pytest
from django.db import connections

from datasets.models import Document, Tenant
from segments.exceptions import PreviewsBusy
from segments.services.previews import one_at_a_time

from ..api_client import QA, Api

pytestmark = pytest.mark.django_db(transaction=True)


def preview(api: Api, document: Document) -> Any:
    path = f"datasets/{document.dataset_id}/documents/{document.pk}/segments/preview"
    return api.send(path, {"file": QA})


def test_a_second_preview_of_a_tenant_has_to_come_again(
    api: Api, stranger: Api, document: Document
) -> None:
    with one_at_a_time(document.tenant_id):
        refused = preview(api, document)
        theirs = preview(stranger, Document.objects.get(name="theirs"))

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused["Retry-After"] == "2"
    assert theirs.status_code != 429
    assert preview(api, document).status_code == 200


def test_of_eight_at_once_one_is_made(tenant: Tenant) -> None:
    go_on, results = Event(), list[str]()

    def one() -> None:
        try:
            with one_at_a_time(tenant.pk):
                go_on.wait(5)
                results.append("made")
        except PreviewsBusy:
            results.append("busy")
        finally:
            connections.close_all()

    threads = [Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads[1:]:
        thread.join(0.1)
    go_on.set()
    for thread in threads:
        thread.join()

    assert sorted(results) == ["busy"] * 7 + ["made"]

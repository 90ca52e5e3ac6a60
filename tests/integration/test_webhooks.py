"""Webhooks: told of what happened and of nothing else, signed, tried again, shown in the log."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.db.models.functions import Now
from pytest_django import Settings
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from datasets.models import Dataset, DocForm, Document, Tenant
from segments import tasks
from segments.models import DocumentSegment, Webhook, WebhookDelivery
from segments.models.webhook import WebhookEvent
from segments.operations import retention
from segments.operations.claimable import find_claimable
from segments.services import imports, segments, webhooks
from segments.services.new_segments import NewSegment, add_segments
from segments.services.parents import add_child, add_parents, delete_parents
from segments.webhooks import deliveries
from segments.webhooks.events import announce_segments
from tests.servers.receiver import Receiver, receiver

from .api_client import QA, Api
from .conftest import ImportText, MakeDocument
from .roles import LogIn

pytestmark = pytest.mark.django_db(transaction=True)

EVERYTHING = WebhookEvent.values


@pytest.fixture
def told(settings: Settings) -> Iterator[Receiver]:
    settings.SEGMILL_ENDPOINT_PRIVATE_ADDRESSES = True
    with receiver() as running:
        yield running


@pytest.fixture
def hook(tenant: Tenant, told: Receiver) -> tuple[Webhook, str]:
    """A webhook that is told of everything, and its secret."""
    return webhooks.create_webhook(tenant, told.url, EVERYTHING)


def send_all() -> None:
    """What workers do for the messages that are waiting."""
    for found in find_claimable():
        if found.kind is deliveries.DELIVERIES:
            tasks.work_on(found.kind.task, str(found.job_id))


def told_of(told: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in told.received]


def wait_no_more() -> None:
    """The pauses are over."""
    WebhookDelivery.objects.filter(status="sending").update(not_before=Now())
    Webhook.objects.update(paused_until=None)


def test_an_import_is_told_of_with_a_signature(
    hook: tuple[Webhook, str], told: Receiver, document: Document, import_text: ImportText
) -> None:
    webhook, secret = hook
    job = import_text(document, QA)

    send_all()

    ((headers, body),) = told.received
    message = Verifier(secret).verify(body, {k.lower(): v for k, v in headers.items()})
    assert message["type"] == "import.completed"
    assert message["data"]["job_id"] == str(job.pk)
    assert (message["data"]["rows_created"], message["data"]["error"]) == (2, "")
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(body + b" ", {k.lower(): v for k, v in headers.items()})
    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.tries, delivery.response_status) == ("completed", 1, 204)
    assert secret not in webhook.secret


def test_failures_cancels_and_undos_are_told_of(
    hook: tuple[Webhook, str],
    told: Receiver,
    document: Document,
    import_text: ImportText,
    start: Callable[..., Any],
) -> None:
    import_text(document, "question,answer\nWhy?,\n")
    imports.cancel_import(start(document, QA.decode()))
    imports.undo_import(import_text(document, QA))

    send_all()

    ends = ["import.failed", "import.cancelled", "import.completed", "import.undone"]
    assert [message["type"] for message in told_of(told)] == ends
    failed = told_of(told)[0]["data"]
    assert failed["error_code"] == "rows_refused"


def test_a_text_that_is_indexed_is_told_of(
    hook: tuple[Webhook, str], told: Receiver, dataset: Dataset, api: Api
) -> None:
    path = f"datasets/{dataset.pk}/document/create-by-text"
    made = api.post(path, {"name": "manual", "text": "The lamp is green."}).json()["document"]
    tasks.run_import(str(Document.objects.get(pk=made["id"]).indexing_job))

    send_all()

    types = {message["type"] for message in told_of(told)}
    assert types == {"import.completed", "document.indexed"}
    assert {message["data"]["document_id"] for message in told_of(told)} == {made["id"]}


def test_edits_are_told_of(hook: tuple[Webhook, str], told: Receiver, passages: Document) -> None:
    (segment,) = add_segments(passages, [NewSegment(content="The lamp is green.")])
    segments.change_segment(segment, segments.SegmentChanges(content="The lamp is red."))
    segments.delete_segments([segment.pk])

    send_all()

    kinds = [message["type"] for message in told_of(told)]
    assert kinds == ["segments.added", "segments.changed", "segments.deleted"]
    ids = [message["data"]["segment_ids"] for message in told_of(told)]
    assert ids == [[str(segment.pk)]] * 3


def test_of_passages_it_is_the_passages_that_are_told_of(
    hook: tuple[Webhook, str], told: Receiver, dataset: Dataset, make_document: MakeDocument
) -> None:
    document = make_document(dataset, "whole", DocForm.HIERARCHICAL)
    (passage,) = add_parents(document, [NewSegment(content="The lamp is green.")])
    add_child(passage, "It shines.")
    delete_parents(document, [passage.pk])

    send_all()

    kinds = [message["type"] for message in told_of(told)]
    assert kinds == ["segments.added", "segments.changed", "segments.deleted"]
    ids = [message["data"]["segment_ids"] for message in told_of(told)]
    assert ids == [[str(passage.pk)]] * 3


def test_nothing_is_sent_of_what_was_rolled_back(
    hook: tuple[Webhook, str], told: Receiver, passages: Document
) -> None:
    with transaction.atomic():
        announce_segments(WebhookEvent.SEGMENTS_ADDED, passages, [uuid4()])
        assert WebhookDelivery.objects.exists()
        transaction.set_rollback(True)

    send_all()

    assert not told.received
    assert not WebhookDelivery.objects.exists()


def test_who_did_not_ask_is_not_told(
    tenant: Tenant, told: Receiver, passages: Document, stranger: Api
) -> None:
    """Other events, other tenants, and webhooks that are switched off."""
    webhooks.create_webhook(tenant, told.url, ["import.failed"])
    off, _ = webhooks.create_webhook(tenant, told.url, EVERYTHING)
    webhooks.change_webhook(off, enabled=False)
    webhooks.create_webhook(Tenant.objects.get(name="other"), told.url, EVERYTHING)

    add_segments(passages, [NewSegment(content="The lamp is green.")])

    assert not WebhookDelivery.objects.exists()


def test_a_delivery_is_tried_again_with_the_same_id(
    hook: tuple[Webhook, str], told: Receiver, passages: Document
) -> None:
    told.answers = [500, 503]
    add_segments(passages, [NewSegment(content="The lamp is green.")])

    send_all()
    waiting = WebhookDelivery.objects.get()
    assert waiting.last_error == "The address answered 500."
    assert waiting.not_before is not None
    send_all()  # nothing: it waits
    assert len(told.received) == 1
    for _ in range(2):
        wait_no_more()
        send_all()

    assert WebhookDelivery.objects.get().status == "completed"
    assert WebhookDelivery.objects.get().tries == 3
    assert len({headers["webhook-id"] for headers, _ in told.received}) == 1


def test_a_delivery_fails_after_its_last_try_and_can_be_sent_again(
    hook: tuple[Webhook, str],
    told: Receiver,
    passages: Document,
    monkeypatch: pytest.MonkeyPatch,
    api: Api,
) -> None:
    monkeypatch.setattr(deliveries, "MOST_TRIES", 2)
    told.answers = [500, 302]
    add_segments(passages, [NewSegment(content="The lamp is green.")])
    for _ in range(2):
        send_all()
        wait_no_more()
    failed = WebhookDelivery.objects.get()
    assert (failed.status, failed.response_status) == ("failed", 302)
    assert failed.error == "It was tried 2 times. The address answered 302."

    path = f"webhooks/{hook[0].pk}/deliveries"
    again = api.post(f"{path}/{failed.pk}/redeliver").json()
    send_all()

    assert again["event_id"] == str(failed.event_id)
    log = api.get(path).json()["data"]
    assert [entry["status"] for entry in log] == ["completed", "failed"]
    assert told.received[-1][1] == told.received[0][1]


def test_what_waits_is_sent_by_one_turn(
    hook: tuple[Webhook, str], told: Receiver, passages: Document
) -> None:
    for number in range(3):
        add_segments(passages, [NewSegment(content=f"Lamp {number}.")])

    tasks.deliver_webhook(str(WebhookDelivery.objects.earliest("created_at").pk))

    assert len(told.received) == 3


def test_an_address_that_is_gone_switches_the_webhook_off(
    hook: tuple[Webhook, str], told: Receiver, passages: Document
) -> None:
    told.answers = [410]
    add_segments(passages, [NewSegment(content="The lamp is green.")])

    send_all()

    assert WebhookDelivery.objects.get().error_code == "webhook_gone"
    assert not Webhook.objects.get().enabled


def test_an_address_that_asks_for_a_pause_gets_it(
    hook: tuple[Webhook, str], told: Receiver, passages: Document
) -> None:
    told.answers, told.headers = [429], {"Retry-After": "600"}
    add_segments(passages, [NewSegment(content="The lamp is green.")])

    send_all()

    delivery = WebhookDelivery.objects.get()
    assert delivery.not_before is not None
    assert (delivery.not_before - delivery.created_at).total_seconds() > 500


def test_an_address_that_hangs_is_given_up_and_rests(
    hook: tuple[Webhook, str],
    told: Receiver,
    passages: Document,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliveries, "ANSWER_SECONDS", 0.2)
    told.seconds = 1.0
    for number in range(3):
        add_segments(passages, [NewSegment(content=f"Lamp {number}.")])

    send_all()

    assert len(told.received) == 1  # the others wait for the webhook's pause
    assert WebhookDelivery.objects.filter(last_error__contains="no answer within").count() == 1


def test_a_killed_worker_loses_no_delivery(
    hook: tuple[Webhook, str], told: Receiver, passages: Document
) -> None:
    add_segments(passages, [NewSegment(content="The lamp is green.")])
    claim = deliveries.DELIVERIES.claim_work(WebhookDelivery.objects.get().pk)
    assert claim is not None
    WebhookDelivery.objects.update(lease_until=Now(), enqueued_at=None)

    assert find_claimable()
    send_all()

    assert len(told.received) == 1
    assert WebhookDelivery.objects.get().status == "completed"


def test_a_local_address_is_refused(api: Api) -> None:
    answer = api.post("webhooks", {"url": "http://[::1]/", "events": ["import.completed"]})

    assert (answer.status_code, answer.json()["params"]) == (400, "url")
    assert not Webhook.objects.exists()


def test_an_address_that_has_become_local_is_not_asked(
    hook: tuple[Webhook, str], told: Receiver, passages: Document, settings: Settings
) -> None:
    settings.SEGMILL_ENDPOINT_PRIVATE_ADDRESSES = False
    add_segments(passages, [NewSegment(content="The lamp is green.")])

    send_all()

    assert not told.received
    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.error_code) == ("failed", "endpoint_refused")


def test_webhooks_are_set_up_by_the_api(api: Api, told: Receiver, tenant: Tenant) -> None:
    made = api.post("webhooks", {"url": told.url, "events": ["import.failed"]})
    assert made.status_code == 201
    path = f"webhooks/{made.json()['id']}"

    assert made.json()["secret"].startswith("whsec_")
    assert "secret" not in api.get(path).json()
    assert api.patch(path, {"events": ["segments.added"]}).json()["events"] == ["segments.added"]
    renewed = api.post(f"{path}/secret").json()["secret"]
    assert renewed != made.json()["secret"]
    assert api.get("webhooks").json()["total"] == 1
    assert api.patch(path, {"events": ["nothing"]}).status_code == 400
    assert api.delete(path).status_code == 204
    assert not Webhook.objects.exists()


def test_switching_a_webhook_off_cancels_what_waits(
    hook: tuple[Webhook, str], api: Api, passages: Document
) -> None:
    add_segments(passages, [NewSegment(content="The lamp is green.")])

    api.patch(f"webhooks/{hook[0].pk}", {"enabled": False})

    assert WebhookDelivery.objects.get().status == "cancelled"


def test_they_go_with_their_tenant_and_the_log_by_age(
    hook: tuple[Webhook, str], passages: Document, tenant: Tenant, settings: Settings
) -> None:
    add_segments(passages, [NewSegment(content="The lamp is green.")])
    send_all()
    settings.SEGMILL_KEEP_DETAILS_DAYS = 0

    assert retention.clean_up().deliveries == 1
    add_segments(passages, [NewSegment(content="The lamp is red.")])
    DocumentSegment.objects.all().delete()
    tenant.delete()

    assert not WebhookDelivery.objects.exists()


def test_owners_set_them_up_in_the_admin_and_send_again(
    log_in: LogIn, tenant: Tenant, told: Receiver, passages: Document
) -> None:
    client = log_in("owner")
    form = {
        "tenant": tenant.pk,
        "url": told.url,
        "events": ["segments.added", "import.failed"],
        "enabled": "on",
    }

    shown = client.post("/admin/segments/webhook/add/", form)

    assert b"whsec_" in shown.content
    assert "no-store" in shown["Cache-Control"]
    webhook = Webhook.objects.get()
    assert webhook.secret not in shown.content.decode()
    add_segments(passages, [NewSegment(content="The lamp is green.")])
    send_all()
    log = client.get("/admin/segments/webhookdelivery/")
    assert b"segments.added" in log.content or b"Single segments were added" in log.content
    chosen = {"action": "send_again", "_selected_action": [WebhookDelivery.objects.get().pk]}
    client.post("/admin/segments/webhookdelivery/", chosen)
    send_all()
    assert len(told.received) == 2
    refused = client.post("/admin/segments/webhook/add/", form | {"url": "http://[::1"})
    assert refused.status_code == 200
    assert Webhook.objects.count() == 1


def test_editors_do_not_see_them(log_in: LogIn, hook: tuple[Webhook, str]) -> None:
    client = log_in("editor")

    for address in (
        "/admin/segments/webhook/",
        f"/admin/segments/webhook/{hook[0].pk}/change/",
        "/admin/segments/webhookdelivery/",
    ):
        assert client.get(address).status_code in (403, 404), address

"""Takes messages out of the queue and puts them back, with either broker."""

from typing import Protocol
from uuid import uuid4

from django.utils import timezone
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import OrmQ

from segments.imports.state import IMPORT_JOBS
from segments.models import ImportJob


class Messages(Protocol):
    """The waiting messages."""

    def take(self) -> list[bytes]:
        """Remove and return all of them."""

    def put(self, messages: list[bytes]) -> None:
        """Append messages in this order."""


class OrmMessages:
    """Messages in PostgreSQL, except those that a worker holds."""

    def take(self) -> list[bytes]:
        waiting = OrmQ.objects.filter(lock__lte=timezone.now())
        taken = list(waiting.values_list("pk", "payload"))
        OrmQ.objects.filter(pk__in=[pk for pk, _ in taken]).delete()
        return [payload for _, payload in taken]

    def put(self, messages: list[bytes]) -> None:
        key, now = get_broker().list_key, timezone.now()
        OrmQ.objects.bulk_create([OrmQ(key=key, payload=each, lock=now) for each in messages])


class RedisMessages:
    """Messages in a Valkey list."""

    def take(self) -> list[bytes]:
        broker = get_broker()
        with broker.connection.pipeline() as pipeline:
            pipeline.lrange(broker.list_key, 0, -1)
            pipeline.delete(broker.list_key)
            taken: list[bytes] = pipeline.execute()[0]
        return taken

    def put(self, messages: list[bytes]) -> None:
        if messages:
            broker = get_broker()
            broker.connection.rpush(broker.list_key, *messages)


def messages() -> Messages:
    """The messages of the configured broker."""
    return OrmMessages() if Conf.ORM else RedisMessages()


def enqueue_all() -> None:
    """Send a message for every open import, and one for an import that does not exist."""
    for job_id in [*ImportJob.objects.open().values_list("pk", flat=True), uuid4()]:
        IMPORT_JOBS.enqueue(job_id)

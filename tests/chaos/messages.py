"""The messages of the queue, taken out and put back, whichever broker holds them."""

from typing import Protocol
from uuid import uuid4

from django.utils import timezone
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import OrmQ

from segments.jobs.queue import enqueue
from segments.models import ImportJob


class Messages(Protocol):
    """The messages that wait."""

    def take(self) -> list[bytes]:
        """All of them; none is there afterwards."""

    def put(self, messages: list[bytes]) -> None:
        """Put messages at the end, in this order."""


class OrmMessages:
    """Messages in PostgreSQL; those that a worker holds are left alone."""

    def take(self) -> list[bytes]:
        waiting = OrmQ.objects.filter(lock__lte=timezone.now())
        taken = list(waiting.values_list("pk", "payload"))
        OrmQ.objects.filter(pk__in=[pk for pk, _ in taken]).delete()
        return [payload for _, payload in taken]

    def put(self, messages: list[bytes]) -> None:
        key, now = get_broker().list_key, timezone.now()
        OrmQ.objects.bulk_create([OrmQ(key=key, payload=each, lock=now) for each in messages])


class RedisMessages:
    """Messages in a list of Valkey's."""

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
    """Those of the broker that is set."""
    return OrmMessages() if Conf.ORM else RedisMessages()


def hint_at_all() -> None:
    """A message for every open import, and one for an import that never was."""
    for job_id in [*ImportJob.objects.open().values_list("pk", flat=True), uuid4()]:
        enqueue(job_id)

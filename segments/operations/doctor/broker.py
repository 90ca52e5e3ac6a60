"""The queue's broker."""

from collections.abc import Iterator

from django_q.brokers import get_broker
from django_q.conf import Conf
from redis.exceptions import RedisError

from segments.operations.doctor.check import Check, Problem

# The queue holds a message or two for each import with work: more than this is another trouble.
MANY_MESSAGES = 10_000


class BrokerCheck(Check):
    """It answers, and its queue is no longer than work explains."""

    name = "broker"
    needs_tables = Conf.ORM is not None

    def look(self) -> Iterator[Problem]:
        """Silence, or a queue that nobody empties."""
        try:
            messages = get_broker().queue_size() or 0
        except RedisError as trouble:
            yield Problem(
                f"It does not answer: {trouble}", "See REDIS_URL, and whether its server runs."
            )
            return
        if messages > MANY_MESSAGES:
            yield Problem(
                f"{messages:,} messages wait in the queue.",
                "See that enough workers run (manage.py run_workers, SEGMILL_WORKERS).",
                can_wait=True,
            )

    def summary(self) -> str:
        """What it is, and how long the queue."""
        broker = get_broker()
        return f"{broker.info()}, {broker.queue_size() or 0:,} messages"

"""The requests to an endpoint that are under way, each in its place in the shared budget."""

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from time import monotonic, sleep
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError

from segments.embedding.base import Answer, Purpose
from segments.embedding.batches import Batch
from segments.embedding.budget import Budget, Wait
from segments.embedding.remote import RemoteEmbedder

# How soon a wish to stop is heard while requests are under way.
TICK_SECONDS = 0.1
SECONDS_TO_END = 2.0
RENEWALS_PER_LEASE = 4
NO_CALL = UUID(int=0)


@dataclass(slots=True, eq=False)
class Task:
    """A batch on its way, and what it has been through."""

    batch: Batch
    failures: int = 0
    limits: int = 0
    limited_since: float | None = None
    due: float = 0.0
    call: UUID = NO_CALL


class Flight:
    """Requests that were sent and have not been settled, as many as model and budget allow."""

    def __init__(self, embedder: RemoteEmbedder, texts: Sequence[str], budget: Budget) -> None:
        self._embedder, self._texts, self._budget = embedder, texts, budget
        self._most = embedder.batching.calls
        self._pool = ThreadPoolExecutor(self._most, thread_name_prefix="request")
        self._running: dict[Future[Answer], Task] = {}
        self._look_at, self._kept = 0.0, monotonic()

    def __len__(self) -> int:
        return len(self._running)

    def send(self, task: Task) -> bool:
        """Send the task's request, if there is room and the budget lets us now."""
        if len(self) >= self._most or monotonic() < self._look_at:
            return False
        right = self._budget.take(task.batch.tokens)
        if isinstance(right, Wait):
            self._look_at = monotonic() + right.seconds
            return False
        task.call = right
        texts = [self._texts[place] for place in task.batch.places]
        ask = self._pool.submit(copy_context().run, self._embedder.ask, texts, Purpose.PASSAGE)
        self._running[ask] = task
        return True

    def keep_places(self) -> None:
        """Have the places of the requests under way counted on, a few times a lease."""
        if monotonic() - self._kept > settings.SEGMILL_LEASE_SECONDS / RENEWALS_PER_LEASE:
            self._budget.keep([task.call for task in self._running.values()])
            self._kept = monotonic()

    def ended(self, due: float | None) -> list[Future[Answer]]:
        """The requests that have ended, after a wait: at most until one more is `due`."""
        seconds = TICK_SECONDS
        if due is not None and len(self) < self._most:
            seconds = min(max(max(self._look_at, due) - monotonic(), 0.0), TICK_SECONDS)
        if not self._running:
            sleep(seconds)
            return []
        return list(wait(self._running, seconds, FIRST_COMPLETED).done)

    def take_out(self, request: Future[Answer]) -> Task:
        """The task of a request that has ended; its place is free."""
        task = self._running.pop(request)
        billed = 0 if request.exception() else request.result().tokens
        self._budget.give_back(task.call, task.batch.tokens, billed)
        self._look_at = 0.0
        return task

    def abandon(self) -> None:
        """Leave requests whose answers nobody wants any more.

        Most end in a moment and give their place in the budget back; the place of one that
        lasts is free by itself after a lease's time.
        """
        self._pool.shutdown(wait=False, cancel_futures=True)
        for request in wait(self._running, SECONDS_TO_END).done:
            with suppress(DatabaseError):  # perhaps a lost database is why we are here
                self.take_out(request)

"""Sends many texts through one model, in batches and concurrent requests; splits refused ones.

By hand: the clients' own retries know neither the budget that all workers share, nor that a batch
refused for one text has to be sent again without it.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from time import monotonic, sleep
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import DatabaseError

from segments.embedding.base import (
    Answer,
    Batch,
    Embedder,
    Part,
    Purpose,
    Usage,
    Vectors,
    checked_shape,
    plan,
    sorted_out,
    unusable,
)
from segments.embedding.providers.remote import PROBE, RemoteEmbedder
from segments.embedding.rate_limits import Budget, SharedBudget, Wait, pause_after
from segments.exceptions import (
    EmbeddingInterrupted,
    EmbeddingUnavailable,
    EndpointFailed,
    EndpointRefused,
    RateLimited,
    TextsRefused,
)

# How soon we notice a request to stop while waiting for answers.
TICK_SECONDS = 0.1
SECONDS_TO_END = 2.0
RENEWALS_PER_LEASE = 4
# How often a request to a failing endpoint is tried, and for how many seconds one over its rate
# limit is retried, before the import is interrupted.
ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 900
NO_CALL = UUID(int=0)


@dataclass(slots=True, eq=False)
class Task:
    """A batch to embed, with its failures and waits so far."""

    batch: Batch
    failures: int = 0
    limits: int = 0
    limited_since: float | None = None
    due: float = 0.0
    call: UUID = NO_CALL


class InFlightRequests:
    """Requests that were sent and not settled yet, as many as model and budget allow."""

    def __init__(self, embedder: RemoteEmbedder, texts: Sequence[str], budget: Budget) -> None:
        self._embedder, self._texts, self._budget = embedder, texts, budget
        self._most = embedder.batching.calls
        self._pool = ThreadPoolExecutor(self._most, thread_name_prefix="request")
        self._running: dict[Future[Answer], Task] = {}
        self._look_at, self._kept = 0.0, monotonic()

    def __len__(self) -> int:
        return len(self._running)

    def send(self, task: Task) -> bool:
        """Send the task's request if there is room and the budget allows it now; tell whether."""
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
        """Renew the budget's slots of the requests in flight, a few times per lease."""
        if monotonic() - self._kept > settings.SEGMILL_LEASE_SECONDS / RENEWALS_PER_LEASE:
            self._budget.keep([task.call for task in self._running.values()])
            self._kept = monotonic()

    def ended(self, due: float | None) -> list[Future[Answer]]:
        """The requests that have ended, after a short wait, at most until a task is `due`."""
        seconds = TICK_SECONDS
        if due is not None and len(self) < self._most:
            seconds = min(max(max(self._look_at, due) - monotonic(), 0.0), TICK_SECONDS)
        if not self._running:
            sleep(seconds)
            return []
        return list(wait(self._running, seconds, FIRST_COMPLETED).done)

    def take_out(self, request: Future[Answer]) -> Task:
        """The task of a request that has ended; frees its slot."""
        task = self._running.pop(request)
        billed = 0 if request.exception() else request.result().tokens
        self._budget.give_back(task.call, task.batch.tokens, billed)
        self._look_at = 0.0
        return task

    def abandon(self) -> None:
        """Abandon the requests in flight.

        Most end within moments and free their slot in the budget; the slot of a longer one
        expires after the length of a lease.
        """
        self._pool.shutdown(wait=False, cancel_futures=True)
        for request in wait(self._running, SECONDS_TO_END).done:
            with suppress(DatabaseError):  # a lost database may be why we are here
                self.take_out(request)


TOKENS_PER_PRICE = 1_000_000

Pulse = Callable[[], None]
"""Called between batches and while waiting; raises to stop."""


def embed_all(
    embedder: Embedder, texts: Sequence[str], pulse: Pulse, tenant_id: UUID
) -> Iterator[Part]:
    """Embed passages; every text is in exactly one part, with a vector or a refusal.

    Requests to an endpoint draw from the budget that all workers share, in the tenant's turn.

    Raises:
        EmbeddingInterrupted: the endpoint has failed too often; parts yielded so far are valid.
        EmbeddingFailed: the model cannot be used at all.
    """
    if isinstance(embedder, RemoteEmbedder):
        budget = SharedBudget(embedder.settings, tenant_id)
        yield from Dispatcher(embedder, texts, budget).parts(pulse)
    else:
        yield from _embed_here(embedder, texts, pulse)


def _embed_here(embedder: Embedder, texts: Sequence[str], pulse: Pulse) -> Iterator[Part]:
    """One batch after another: a local model gains nothing from concurrent calls."""
    for batch in plan(texts, embedder):
        pulse()
        vectors = embedder.embed_passages([texts[place] for place in batch.places])
        yield sorted_out(batch, checked_shape(vectors, len(batch.places), embedder.dimensions))


class Dispatcher:
    """Keeps as many requests in flight as the model and the budget allow."""

    def __init__(self, embedder: RemoteEmbedder, texts: Sequence[str], budget: Budget) -> None:
        self._embedder, self._budget = embedder, budget
        self._waiting = deque(Task(batch) for batch in plan(texts, embedder))
        self._flight = InFlightRequests(embedder, texts, budget)
        self._given_up: EmbeddingInterrupted | None = None
        self._is_proved = False
        self._usage = Usage()

    def parts(self, pulse: Pulse) -> Iterator[Part]:
        """The outcome for each text, as answers arrive."""
        trouble: Exception | None = None
        try:
            while self._flight or (self._waiting and not self._given_up):
                pulse()
                self._flight.keep_places()
                self._send()
                for request in self._flight.ended(self._next_due()):
                    yield from self._settle(self._flight.take_out(request), request)
        except Exception as met:  # noqa: BLE001 - raised below, after the usage is reported
            trouble = met
        finally:
            self._flight.abandon()
        trouble = trouble or self._given_up
        if trouble:
            yield Part((), self._nothing(), usage=self._used())
            raise trouble

    def _send(self) -> None:
        while (task := self._next()) and self._flight.send(task):
            self._waiting.remove(task)
            self._usage += Usage(requests=1)

    def _next(self) -> Task | None:
        """The batch that may be sent now, if any."""
        if self._given_up:
            return None
        now = monotonic()
        return next((task for task in self._waiting if task.due <= now), None)

    def _next_due(self) -> float | None:
        return min((task.due for task in self._waiting), default=None)

    def _settle(self, task: Task, future: Future[Answer]) -> Iterator[Part]:
        try:
            answer = future.result()
        except TextsRefused as refusal:
            yield from self._halve(task, str(refusal))
        except RateLimited as limit:
            self._wait_for_limit(task, limit)
        except EndpointFailed as failure:
            self._try_again(task, failure)
        else:
            cost = self._embedder.settings.price_per_million * answer.tokens / TOKENS_PER_PRICE
            self._usage += Usage(tokens=answer.tokens, cost=cost)
            if answer.pause:
                self._be_quiet(answer.pause)
            yield from self._accept(task, answer)

    def _accept(self, task: Task, answer: Answer) -> Iterator[Part]:
        part = sorted_out(task.batch, answer.vectors)
        if part.refused and not task.failures:
            # Perhaps a glitch: only the second time do we believe it.
            self._try_again(task, EndpointFailed("The endpoint returned unusable vectors."))
            return
        self._is_proved = self._is_proved or len(part.places) > 0
        if part.refused and not self._is_proved:
            self._prove("its vectors are NaN, infinite or of length zero")
        yield Part(part.places, part.vectors, part.refused, self._used())

    def _halve(self, task: Task, reason: str) -> Iterator[Part]:
        if len(task.batch.places) > 1:
            self._waiting.extendleft(Task(half) for half in reversed(task.batch.halves()))
            return
        if not self._is_proved:
            self._prove(reason)
        yield Part((), self._nothing(), {task.batch.places[0]: reason}, self._used())

    def _prove(self, reason: str) -> None:
        """Make sure that the endpoint refuses this text, not every text.

        Raises:
            EndpointRefused: it refuses the simplest text too.
        """
        try:
            vectors = self._embedder.embed_passages([PROBE])
        except TextsRefused as refusal:
            reason = str(refusal)
        else:
            self._is_proved = not unusable(vectors)
        if not self._is_proved:
            raise EndpointRefused(
                f"Model “{self._embedder.model}” of provider “{self._embedder.provider}” accepts "
                f"no text at all: {reason}. Check the model's settings."
            )

    def _wait_for_limit(self, task: Task, limit: RateLimited) -> None:
        """All workers wait. This does not count as a failure, unless it lasts too long."""
        now = monotonic()
        task.limits += 1
        task.limited_since = task.limited_since or now
        waited = now - task.limited_since
        pause = pause_after(task.limits, limit.retry_after)
        if waited + pause > LONGEST_WAIT_SECONDS:
            history = f"This has lasted {waited:,.0f} seconds; it asks for {pause:,.0f} more."
            self._give_up(limit, history)
        self._be_quiet(pause)
        self._waiting.appendleft(task)

    def _be_quiet(self, seconds: float) -> None:
        """Hold all workers' requests for `seconds`, at most `LONGEST_WAIT_SECONDS`."""
        self._budget.be_quiet(min(seconds, LONGEST_WAIT_SECONDS))

    def _try_again(self, task: Task, failure: EndpointFailed) -> None:
        task.failures += 1
        wanted = failure.retry_after or 0.0
        if wanted > LONGEST_WAIT_SECONDS:
            self._give_up(failure, f"It asks for a pause of {wanted:,.0f} seconds.")
        elif task.failures >= ATTEMPTS:
            self._give_up(failure, f"That was try {task.failures}.")
        task.due = monotonic() + pause_after(task.failures, failure.retry_after)
        self._waiting.append(task)

    def _give_up(self, trouble: EmbeddingUnavailable, history: str) -> None:
        """Send nothing more; requests in flight may still succeed."""
        self._given_up = EmbeddingInterrupted(
            f"{trouble} {history} What is embedded is kept; resume to continue from there."
        )

    def _nothing(self) -> Vectors:
        return np.empty((0, self._embedder.dimensions), np.float32)

    def _used(self) -> Usage:
        """The usage since the last part."""
        usage, self._usage = self._usage, Usage()
        return usage

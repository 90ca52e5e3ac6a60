"""Many texts through one model: in batches, several at a time, with patience, down to the row.

The caller gets the parts as they are done, in any order, and keeps what it got whatever
happens later. Refused batches are halved until the text at fault stands alone; it is handed
back with the reason instead of a vector.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from time import monotonic
from uuid import UUID

import numpy as np
from django.conf import settings

from segments.embedding.base import Answer, Embedder, Vectors, checked_shape, unusable
from segments.embedding.batches import plan
from segments.embedding.budget import Budget, SharedBudget
from segments.embedding.flight import Flight, Task
from segments.embedding.parts import Part, Usage, sorted_out
from segments.embedding.patience import pause_after
from segments.embedding.remote import PROBE, RemoteEmbedder
from segments.exceptions import (
    EmbeddingInterrupted,
    EmbeddingUnavailable,
    EndpointFailed,
    EndpointRefused,
    RateLimited,
    TextsRefused,
)

TOKENS_PER_PRICE = 1_000_000

Pulse = Callable[[], None]
"""Called between batches and while waiting; raises to stop."""


def embed_all(
    embedder: Embedder, texts: Sequence[str], pulse: Pulse, tenant_id: UUID
) -> Iterator[Part]:
    """Embed passages; every place is in exactly one part, as a vector or as a refusal.

    Requests to an endpoint draw from the budget that all workers share, in the tenant's turn.

    Raises:
        EmbeddingInterrupted: the endpoint has failed too often; what was yielded stays good.
        EmbeddingFailed: the model cannot be used at all.
    """
    if isinstance(embedder, RemoteEmbedder):
        budget = SharedBudget(embedder.settings, tenant_id)
        yield from Dispatcher(embedder, texts, budget).parts(pulse)
    else:
        yield from _embed_here(embedder, texts, pulse)


def _embed_here(embedder: Embedder, texts: Sequence[str], pulse: Pulse) -> Iterator[Part]:
    """One batch after the other: a model on this machine has no more than its cores."""
    for batch in plan(texts, embedder):
        pulse()
        vectors = embedder.embed_passages([texts[place] for place in batch.places])
        yield sorted_out(batch, checked_shape(vectors, len(batch.places), embedder.dimensions))


class Dispatcher:
    """Keeps as many requests under way as the model and the budget allow."""

    def __init__(self, embedder: RemoteEmbedder, texts: Sequence[str], budget: Budget) -> None:
        self._embedder, self._budget = embedder, budget
        self._waiting = deque(Task(batch) for batch in plan(texts, embedder))
        self._flight = Flight(embedder, texts, budget)
        self._given_up: EmbeddingInterrupted | None = None
        self._is_proved = False
        self._usage = Usage()

    def parts(self, pulse: Pulse) -> Iterator[Part]:
        """What becomes of the texts, as it comes in."""
        trouble: Exception | None = None
        try:
            while self._flight or (self._waiting and not self._given_up):
                pulse()
                self._flight.keep_places()
                self._send()
                for request in self._flight.ended(self._next_due()):
                    yield from self._settle(self._flight.take_out(request), request)
        except Exception as met:  # noqa: BLE001 - raised below, once the bill is paid
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
            # Perhaps a mishap: an endpoint that means it does it twice.
            self._try_again(task, EndpointFailed("The endpoint gave unusable vectors."))
            return
        self._is_proved = self._is_proved or len(part.places) > 0
        if part.refused and not self._is_proved:
            self._prove("its vectors are NaN, infinite or without direction")
        yield Part(part.places, part.vectors, part.refused, self._used())

    def _halve(self, task: Task, reason: str) -> Iterator[Part]:
        if len(task.batch.places) > 1:
            self._waiting.extendleft(Task(half) for half in reversed(task.batch.halves()))
            return
        if not self._is_proved:
            self._prove(reason)
        yield Part((), self._nothing(), {task.batch.places[0]: reason}, self._used())

    def _prove(self, reason: str) -> None:
        """Make sure that it is the text the endpoint refuses, and not every text.

        Raises:
            EndpointRefused: it refuses the plainest one too.
        """
        try:
            vectors = self._embedder.embed_passages([PROBE])
        except TextsRefused as refusal:
            reason = str(refusal)
        else:
            self._is_proved = not unusable(vectors)
        if not self._is_proved:
            raise EndpointRefused(
                f"Model “{self._embedder.model}” of provider “{self._embedder.provider}” takes no "
                f"text at all: {reason}. Check how the model is set up."
            )

    def _wait_for_limit(self, task: Task, limit: RateLimited) -> None:
        """Everybody waits; it is no failure, unless it goes on for too long."""
        now = monotonic()
        task.limits += 1
        task.limited_since = task.limited_since or now
        waited = now - task.limited_since
        pause = pause_after(task.limits, limit.retry_after)
        if waited + pause > settings.SEGMILL_EMBEDDING_PATIENCE_SECONDS:
            history = f"It has been so for {waited:,.0f} seconds and wants {pause:,.0f} more."
            self._give_up(limit, history)
        self._be_quiet(pause)
        self._waiting.appendleft(task)

    def _be_quiet(self, seconds: float) -> None:
        """Nobody asks for so long, or as long as our patience lasts: then we see for ourselves."""
        self._budget.be_quiet(min(seconds, settings.SEGMILL_EMBEDDING_PATIENCE_SECONDS))

    def _try_again(self, task: Task, failure: EndpointFailed) -> None:
        task.failures += 1
        wanted = failure.retry_after or 0.0
        if wanted > settings.SEGMILL_EMBEDDING_PATIENCE_SECONDS:
            self._give_up(failure, f"It wants to be left alone for {wanted:,.0f} seconds.")
        elif task.failures >= settings.SEGMILL_EMBEDDING_ATTEMPTS:
            self._give_up(failure, f"That was try {task.failures}.")
        task.due = monotonic() + pause_after(task.failures, failure.retry_after)
        self._waiting.append(task)

    def _give_up(self, trouble: EmbeddingUnavailable, history: str) -> None:
        """Send nothing more; what is under way may still end well."""
        self._given_up = EmbeddingInterrupted(
            f"{trouble} {history} What is embedded is kept: resume it to go on from there."
        )

    def _nothing(self) -> Vectors:
        return np.empty((0, self._embedder.dimensions), np.float32)

    def _used(self) -> Usage:
        """What was used since the last part."""
        usage, self._usage = self._usage, Usage()
        return usage

"""The thread that stages chunks while the reader goes on."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from uuid import UUID

from django.db import connections, transaction

from segments.importing import staging
from segments.importing.types import CountedRow, RowProblem
from segments.importing.waiting import not_for_the_disk, not_longer_than_the_lease

# Chunks that may wait for Postgres: one under way and one ready. More would only take memory.
CHUNKS_AHEAD = 2


@dataclass(slots=True)
class Chunkful:
    """Rows and problems stored in one transaction; the good rows become chunk `ordinal`."""

    ordinal: int
    first_row: int
    rows: list[CountedRow] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Rows and problems together."""
        return len(self.rows) + len(self.problems)

    @property
    def last_row(self) -> int:
        """The number of the last good row."""
        return self.first_row + len(self.rows) - 1


class StagingWriter:
    """Stores chunks in their order, each in a transaction of its own, in one other thread.

    A failure of the thread is raised by the next `put`, or at the end of the `with` block.
    """

    def __init__(self, job_id: UUID, text_search_config: str) -> None:
        self._job_id, self._config = job_id, text_search_config
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="staging")
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait until all is stored; after an error in the block, drop what has not begun."""
        try:
            while self._waiting and error is None:
                self._waiting.popleft().result()
        finally:
            for future in self._waiting:
                future.cancel()
            # A thread has a connection of its own, which nobody else would close.
            self._pool.submit(connections.close_all)
            self._pool.shutdown(wait=True)

    def put(self, chunk: Chunkful, fence: Callable[[], None]) -> None:
        """Hand a chunk over; waits while too many are on their way already."""
        if len(self._waiting) >= CHUNKS_AHEAD:
            self._waiting.popleft().result()
        packed = staging.packed(self._job_id, chunk.first_row, chunk.rows, self._config)
        self._waiting.append(self._pool.submit(copy_context().run, _store, packed, fence))


@transaction.atomic
def _store(packed: bytes, fence: Callable[[], None]) -> None:
    not_longer_than_the_lease()
    not_for_the_disk()
    fence()
    staging.stage(packed)

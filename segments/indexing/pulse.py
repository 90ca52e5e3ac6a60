"""Keeps the claim of a build alive, shows its progress, and stops it when it has to.

CREATE INDEX is one statement of minutes. Meanwhile a thread with a connection of its own renews
the lease and reads from the server how far it is. When the claim is lost (the build was cancelled),
or the worker is needed elsewhere, the thread cancels the statement.
"""

import logging
import threading
from collections.abc import Callable
from contextvars import copy_context
from time import monotonic
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import Error, connection

from segments.exceptions import ClaimLost
from segments.indexing.state import INDEXES
from segments.jobs import heartbeats
from segments.jobs.state_machine import JobClaim
from segments.models import IndexGeneration

Listener = Callable[[IndexGeneration], None]
"""Hears of progress, in the thread of the pulse."""

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_BEATS = 1.0
RENEWALS_PER_LEASE = 4

PROGRESS = "SELECT tuples_done FROM pg_stat_progress_create_index WHERE pid = %s"
CANCEL = "SELECT pg_cancel_backend(%s)"


class NeededElsewhere(Exception):
    """Imports wait for the worker: the build begins again when they have been taken."""


class Pulse:
    """Beats from `with` to its end; `check` raises as soon as the work has to stop."""

    def __init__(
        self,
        claim: JobClaim,
        listener: Listener,
        is_needed_elsewhere: Callable[[], bool],
    ) -> None:
        self._claim, self._listener = claim, listener
        self._is_needed_elsewhere = is_needed_elsewhere
        self._is_over = threading.Event()
        self._why: Exception | None = None
        self._shown = ("", 0)
        self._renewed = monotonic()
        run = copy_context().run
        self._thread = threading.Thread(target=run, args=(self._beat_on,), daemon=True)

    def __enter__(self) -> Self:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self._backend = int(cursor.fetchone()[0])
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say why the statement was cancelled, if that is what happened."""
        self.stop()
        if isinstance(error, Error) and self._why:
            raise self._why from error

    def stop(self) -> None:
        """Beat no more; the thread is over when this returns."""
        self._is_over.set()
        self._thread.join()

    def check(self) -> None:
        """Stop here if the claim is lost or the worker is needed elsewhere.

        Raises:
            ClaimLost, NeededElsewhere: as it says.
        """
        if self._why:
            raise self._why

    def step(self, name: str, *, total: int = 0) -> None:
        """Show what is done now, of how many rows.

        Raises:
            ClaimLost, NeededElsewhere: as `check`.
        """
        self.check()
        self._shown = (name, total)

    def _beat_on(self) -> None:
        try:
            while not self._is_over.wait(SECONDS_BETWEEN_BEATS):
                self._beat()
        finally:
            connection.close()

    def _beat(self) -> None:
        try:
            if self._why is None:
                self._look()
            else:  # again: it may have come between two statements
                self._cancel()
        except Error as trouble:
            connection.close()
            logger.warning("the lease of the build could not be renewed: %s", trouble)

    def _look(self) -> None:
        heartbeats.beat(heartbeats.worker())
        name, total = self._shown
        try:
            self._show(name, total)
            if self._is_needed_elsewhere():
                raise NeededElsewhere
        except (ClaimLost, NeededElsewhere) as why:
            self._why = why
            self._cancel()

    def _show(self, name: str, total: int) -> None:
        done = min(self._rows_indexed(), total)
        changes = {"step": name, "steps_done": done, "steps_total": total}
        if monotonic() - self._renewed > settings.SEGMILL_LEASE_SECONDS / RENEWALS_PER_LEASE:
            INDEXES.renew(self._claim, **changes)
            self._renewed = monotonic()
        else:
            INDEXES.move(self._claim, often=True, **changes)
        self._listener(INDEXES.load(self._claim.job_id))

    def _rows_indexed(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute(PROGRESS, [self._backend])
            row = cursor.fetchone()
            return int(row[0]) if row else 0

    def _cancel(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(CANCEL, [self._backend])

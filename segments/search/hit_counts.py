"""Counts how often searches have found a segment, without a write for each question.

Hits are gathered in memory and written by the end of a request, at most every `WRITE_EVERY`
seconds: one statement for all of them. A process that is killed loses those of that time.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from threading import Lock
from time import monotonic
from typing import Any
from uuid import UUID

from django.core.signals import request_finished
from django.db import Error, connection
from django.dispatch import receiver

from segments.models import DocumentSegment

WRITE_EVERY = 5.0
# Rows that somebody is changing now are passed over, and counted the next time: waiting for them
# might end in a deadlock.
ADD = """
    WITH hits AS (SELECT * FROM unnest(%(ids)s::uuid[], %(counts)s::int[]) AS h (id, hits)),
    free AS (
        SELECT id FROM segments_documentsegment
        WHERE id = ANY(%(ids)s::uuid[]) FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE segments_documentsegment AS segment SET hit_count = hit_count + hits.hits
    FROM hits JOIN free USING (id) WHERE segment.id = hits.id
    RETURNING segment.id
"""

logger = logging.getLogger(__name__)


class HitCounts:
    """The hits of this process that are not written yet."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting = Counter[UUID]()
        self._due = 0.0

    def add(self, segment_ids: Iterable[UUID]) -> None:
        """Count one hit of each segment."""
        with self._lock:
            self._waiting.update(segment_ids)

    def write_if_due(self) -> None:
        """Write what waits, unless that was done a moment ago."""
        with self._lock:
            if not self._waiting or monotonic() < self._due:
                return
            self._due = monotonic() + WRITE_EVERY
            taken, self._waiting = self._waiting, Counter()
        try:
            left = self._write(taken)
        except Error as trouble:
            logger.warning("%d hits are not counted yet: %s", taken.total(), trouble)
            left = taken
        with self._lock:
            self._waiting.update(left)

    def _write(self, hits: "Counter[UUID]") -> "Counter[UUID]":
        """Add them to the table; returns those of segments that were being changed."""
        with connection.cursor() as cursor:
            cursor.execute(ADD, {"ids": list(hits), "counts": list(hits.values())})
            written = {row[0] for row in cursor.fetchall()}
        rest = [segment_id for segment_id in hits if segment_id not in written]
        if not rest:
            return Counter()
        still_there = DocumentSegment.objects.filter(pk__in=rest).values_list("pk", flat=True)
        return Counter({segment_id: hits[segment_id] for segment_id in still_there})


HITS = HitCounts()


@receiver(request_finished, dispatch_uid="segments.hit_counts")
def write(**kwargs: Any) -> None:
    """At the end of a request, when its answer is on its way."""
    HITS.write_if_due()

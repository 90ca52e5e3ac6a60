"""Counts how often searches have found segments and documents, without a write for each question.

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

from datasets.models import Document
from segments.indexing.upkeep import merge_full_text
from segments.models import DocumentSegment, ParentSegment

WRITE_EVERY = 5.0
# Rows that somebody is changing now are passed over, and counted the next time: waiting for them
# might end in a deadlock.
ADD = """
    WITH hits AS (SELECT * FROM unnest(%(ids)s::uuid[], %(counts)s::int[]) AS h (id, hits)),
    free AS (
        SELECT id FROM {table}
        WHERE id = ANY(%(ids)s::uuid[]) FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE {table} AS found SET hit_count = hit_count + hits.hits
    FROM hits JOIN free USING (id) WHERE found.id = hits.id
    RETURNING found.id, {document}
"""
# Segments, and passages that were found by their parts.
KINDS: tuple[type[DocumentSegment] | type[ParentSegment], ...] = (DocumentSegment, ParentSegment)

logger = logging.getLogger(__name__)


class HitCounts:
    """The hits of this process that are not written yet."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting = Counter[UUID]()
        self._documents = Counter[UUID]()
        self._due = 0.0

    def add(self, segment_ids: Iterable[UUID]) -> None:
        """Count one hit of each segment or passage."""
        with self._lock:
            self._waiting.update(segment_ids)

    def write_if_due(self) -> None:
        """Write what waits, unless that was done a moment ago."""
        with self._lock:
            if not (self._waiting or self._documents) or monotonic() < self._due:
                return
            self._due = monotonic() + WRITE_EVERY
            taken, self._waiting = self._waiting, Counter()
            documents, self._documents = self._documents, Counter()
        try:
            for kind in KINDS:
                taken = self._write(kind, taken, documents)
            merge_full_text()  # the rows have moved, and their entries with them
            taken = _still_there(taken)
            documents = _write_documents(documents)
        except Error as trouble:
            logger.warning("%d hits are not counted yet: %s", taken.total(), trouble)
        with self._lock:
            self._waiting.update(taken)
            self._documents.update(documents)

    def _write(
        self,
        kind: type[DocumentSegment] | type[ParentSegment],
        hits: "Counter[UUID]",
        documents: "Counter[UUID]",
    ) -> "Counter[UUID]":
        """Add them to a table, and to `documents`; returns those that were not written."""
        if not hits:
            return hits
        statement = ADD.format(table=kind._meta.db_table, document="found.document_id")
        with connection.cursor() as cursor:
            cursor.execute(statement, {"ids": list(hits), "counts": list(hits.values())})
            written = dict(cursor.fetchall())
        for segment_id, document_id in written.items():
            documents[document_id] += hits[segment_id]
        return Counter({each: count for each, count in hits.items() if each not in written})


def _still_there(hits: "Counter[UUID]") -> "Counter[UUID]":
    """Without the hits of what was deleted meanwhile."""
    left = {
        pk for kind in KINDS for pk in kind.objects.filter(pk__in=hits).values_list("pk", flat=True)
    }
    return Counter({each: count for each, count in hits.items() if each in left})


def _write_documents(hits: "Counter[UUID]") -> "Counter[UUID]":
    """Add them to the documents; returns those of documents that are being filled now."""
    if not hits:
        return hits
    statement = ADD.format(table=Document._meta.db_table, document="NULL")
    with connection.cursor() as cursor:
        cursor.execute(statement, {"ids": list(hits), "counts": list(hits.values())})
        written = {row[0] for row in cursor.fetchall()}
    rest = [each for each in hits if each not in written]
    there = Document.objects.filter(pk__in=rest).values_list("pk", flat=True) if rest else []
    return Counter({each: hits[each] for each in there})


HITS = HitCounts()


@receiver(request_finished, dispatch_uid="segments.hit_counts")
def write(**kwargs: Any) -> None:
    """At the end of a request, when its answer is on its way."""
    HITS.write_if_due()

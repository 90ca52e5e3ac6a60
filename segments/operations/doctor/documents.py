"""The totals of documents against their segments."""

from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from datasets.models import Document
from segments.operations.doctor.check import Check, Problem

LISTED = 5
# In one statement, so in one snapshot: an import that is published meanwhile is seen whole.
DISAGREEING = """
    SELECT document.id, document.name, document.segment_count,
           coalesce(counted.segments, 0), document.word_count, coalesce(counted.words, 0),
           document.tokens, coalesce(counted.tokens, 0)
    FROM datasets_document AS document
    LEFT JOIN (
        SELECT document_id, count(*) AS segments, sum(word_count) AS words, sum(tokens) AS tokens
        FROM segments_documentsegment GROUP BY document_id
    ) AS counted ON counted.document_id = document.id
    WHERE (document.segment_count, document.word_count, document.tokens) <>
        (coalesce(counted.segments, 0), coalesce(counted.words, 0), coalesce(counted.tokens, 0))
    ORDER BY document.name, document.id
"""
CORRECT = """
    UPDATE datasets_document SET (segment_count, word_count, tokens) = (
        SELECT count(*), coalesce(sum(word_count), 0), coalesce(sum(tokens), 0)
        FROM segments_documentsegment WHERE document_id = %(document)s)
    WHERE id = %(document)s
"""


class DocumentTotalsCheck(Check):
    """Every document's totals of segments, characters and tokens are those of its segments."""

    name = "document totals"
    can_repair = True

    def look(self) -> Iterator[Problem]:
        """Documents whose totals are wrong, with both numbers."""
        wrong = _disagreeing()
        for row in islice(wrong, LISTED):
            yield Problem(
                f"Document “{row[1]}” ({row[0]}) {_difference(row)}.",
                "Run: manage.py doctor --repair",
            )
        if len(wrong) > LISTED:
            yield Problem(f"So do {len(wrong) - LISTED:,} more.", "Run: manage.py doctor --repair")

    def repair(self) -> Iterator[str]:
        """Count the segments anew, document by document, each under its lock."""
        for row in _disagreeing():
            _correct(row[0])
            yield f"Document “{row[1]}” ({row[0]}): the totals are those of its segments again."

    def summary(self) -> str:
        """How many were compared."""
        return f"{Document.objects.count():,} documents agree with their segments"


def _disagreeing() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(DISAGREEING)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _difference(row: tuple[Any, ...]) -> str:
    pairs = zip(("segments", "characters", "tokens"), row[2::2], row[3::2], strict=True)
    wrong = [f"{says:,} {what}, has {has:,}" for what, says, has in pairs if says != has]
    return "says " + "; ".join(wrong)


@transaction.atomic
def _correct(document_id: UUID) -> None:
    """Whoever moves segments locks the document first, as this does: neither counts the other's."""
    if Document.objects.select_for_update().filter(pk=document_id).exists():
        with connection.cursor() as cursor:
            cursor.execute(CORRECT, {"document": document_id})

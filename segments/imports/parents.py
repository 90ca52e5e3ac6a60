"""Hierarchical documents: a row of the file is a passage, its parts are what is embedded and found.

Preparing cuts each passage into parts, which go the way of all rows; here is what is different:
the passages are staged beside them, and published in the same transaction.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import TypeAlias
from uuid import UUID

from django.db import connection
from django.db.models import Max

from segments.exceptions import OptionRefused
from segments.files.columns import Columns
from segments.files.options import ImportMode, ImportOptions
from segments.files.splitting import Measure, split
from segments.files.types import CountedRow, ParentRow, RawRow, RowProblem, SegmentRow
from segments.files.validation import MAX_CELL_CHARS, Rules, validate
from segments.models import ImportJob, ParentSegment

Checked: TypeAlias = tuple[RawRow, CountedRow | list[RowProblem]]
"""A row as it was read, and what checking it gave."""


def content_hash(content: str) -> str:
    """The SHA-256 of a segment's content, in hexadecimal: equal text, equal vector."""
    return sha256(content.encode()).hexdigest()


def refuse_parents(options: ImportOptions, *, is_of_parents: bool) -> None:
    """Refuse options that do not go with the form of the document.

    Raises:
        OptionRefused: passages are appended, or replace all; only they have parts.
    """
    if is_of_parents and options.mode not in (ImportMode.APPEND, ImportMode.REPLACE):
        raise OptionRefused(
            "mode",
            "the document is hierarchical: its passages are added, or all replaced.",
            "Use append or replace.",
        )
    for name in ("parent_mode", "child_tokens", "child_separator"):
        if getattr(options, name) and not is_of_parents:
            raise OptionRefused(
                name,
                "the document is not hierarchical.",
                "Leave it out, or choose a document of the form hierarchical_model.",
            )


def parts_of(
    rows: Iterable[RawRow], columns: Columns, options: ImportOptions, measure: Measure
) -> Iterator[Checked]:
    """The parts of each row's passage, checked and counted; or all that is wrong with the row."""
    rules = Rules(columns, MAX_CELL_CHARS)
    done = 0
    for raw in rows:
        passage = validate(raw, rules)
        if isinstance(passage, list):
            yield raw, passage
            continue
        parts = child_texts(passage.content, options, measure)
        parent = ParentRow(
            passage,
            measure.count(passage.content),
            content_hash(passage.content),
            done + 1,
            done + len(parts),
        )
        for number, text in enumerate(parts):
            yield raw, _part(passage, text, measure, None if number else parent)
        done += len(parts)


def child_texts(passage: str, options: ImportOptions, measure: Measure) -> list[str]:
    """The parts that a passage is found by: at least one."""
    rule = options.child_rule.within(measure.limit)
    return split(passage, rule, measure.count) or [passage]


def _part(passage: SegmentRow, text: str, measure: Measure, parent: ParentRow | None) -> CountedRow:
    part = passage._replace(content=text, keywords=None, external_id=None, segment_id=None)
    return CountedRow(part, measure.count(text), content_hash(text), parent)


# --- publishing: `p` is a staged passage, `d` a segment, `o` a passage of the document ---------

PARENT_OF_ROW = """
    (SELECT job_id, segment_id, generate_series(first_row, last_row) AS "row"
     FROM segments_stagedparent WHERE job_id = %(job)s)
"""
"""Which passage each staged row is a part of."""

MATCH = """
    UPDATE segments_stagedparent p SET segment_id = o.id, is_known = true
    FROM (SELECT first_row, content_hash, row_number() OVER (
              PARTITION BY content_hash ORDER BY first_row) AS number
          FROM segments_stagedparent WHERE job_id = %(job)s) n
    JOIN (SELECT id, index_node_hash, row_number() OVER (
              PARTITION BY index_node_hash ORDER BY position) AS number
          FROM segments_parentsegment WHERE document_id = %(document)s) o
        ON o.index_node_hash = n.content_hash AND o.number = n.number
    WHERE p.job_id = %(job)s AND p.first_row = n.first_row
"""
REMOVE = """
    DELETE FROM segments_parentsegment o
    WHERE o.document_id = %(document)s AND NOT EXISTS (
        SELECT FROM segments_stagedparent p
        WHERE p.job_id = %(job)s AND p.segment_id = o.id)
"""
UPDATE = """
    UPDATE segments_parentsegment o SET
        position = p.rank, metadata = p.metadata, keywords = p.keywords,
        external_id = p.external_id, enabled = p.enabled,
        disabled_at = CASE WHEN p.enabled THEN NULL ELSE o.disabled_at END,
        disabled_by_id = CASE WHEN p.enabled THEN NULL ELSE o.disabled_by_id END
    FROM (SELECT *, row_number() OVER (ORDER BY first_row) AS rank
          FROM segments_stagedparent WHERE job_id = %(job)s) p
    WHERE p.segment_id = o.id AND p.is_known
"""
INSERT = """
    INSERT INTO segments_parentsegment (
        id, tenant_id, dataset_id, document_id, position, content, word_count, tokens, keywords,
        external_id, metadata, index_node_hash, hit_count, enabled, created_by_id, created_at,
        updated_at, import_job_id)
    SELECT p.segment_id, %(tenant)s, %(dataset)s, %(document)s, %(last)s + p.rank, p.content,
        length(p.content), p.tokens, p.keywords, p.external_id, p.metadata, p.content_hash, 0,
        p.enabled, %(user)s, now(), now(), %(job)s
    FROM (SELECT *, row_number() OVER (ORDER BY first_row) AS rank
          FROM segments_stagedparent WHERE job_id = %(job)s) p
    WHERE NOT p.is_known
"""
MOVE = f"""
    UPDATE segments_documentsegment d SET parent_id = p.segment_id
    FROM segments_stagedmatch m JOIN {PARENT_OF_ROW} p USING (job_id, "row")
    WHERE m.job_id = %(job)s AND d.id = m.segment_id
        AND d.parent_id IS DISTINCT FROM p.segment_id
"""


def publish_parents(job: ImportJob, *, replaces: bool) -> None:
    """Add the staged passages, or replace those of the document by them; equal ones stay."""
    present = ParentSegment.objects.filter(document=job.document_id)
    last = 0 if replaces else present.aggregate(last=Max("position"))["last"] or 0
    parameters = {
        "job": job.pk,
        "document": job.document_id,
        "dataset": job.dataset_id,
        "tenant": job.tenant_id,
        "user": job.created_by_id,
        "last": last,
    }
    with connection.cursor() as cursor:
        for statement in (MATCH, REMOVE, UPDATE, INSERT) if replaces else (INSERT,):
            cursor.execute(statement, parameters)


def move_parts(job_id: UUID) -> None:
    """Give parts that were there before the passages they belong to now."""
    with connection.cursor() as cursor:
        cursor.execute(MOVE, {"job": job_id})

"""The statements of publishing: segments removed, changed and added, each kind in one go."""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Max

from segments.importing.aims import RANKED_ROWS, Aim
from segments.importing.planner import READ_BY_KEY, WITHOUT_LOOPS, told
from segments.models import DocumentSegment, ImportJob

# New full-text entries wait in the index's pending list and are merged in one sweep after the
# commit, 1.4 times faster than merging them every 4 MB (the default) inside the transaction.
PENDING_LIST = "256MB"

REMOVE = """
    WITH gone AS (
        DELETE FROM segments_documentsegment d
        WHERE d.document_id = %(document)s AND NOT EXISTS (
            SELECT FROM segments_stagedmatch m WHERE m.job_id = %(job)s AND m.segment_id = d.id)
        RETURNING word_count, tokens
    )
    SELECT count(*), -coalesce(sum(word_count), 0), -coalesce(sum(tokens), 0), 0 FROM gone
"""

# What is not known of a segment any more (its old sums) is counted before it is changed.
UPDATE = """
    WITH targets AS MATERIALIZED ({targets}),
    changing AS MATERIALIZED (
        SELECT t.*, d.word_count AS old_word_count, d.tokens AS old_tokens,
               length(t.content) + length(coalesce(t.answer, '')) AS word_count,
               t.needs_vector AND v.embedding IS NULL AS lacks_vector,
               CASE WHEN t.needs_vector THEN v.embedding ELSE d.embedding END AS embedding
        FROM targets t
        JOIN segments_documentsegment d ON d.id = t.segment_id
        LEFT JOIN segments_stagedvector v ON v.job_id = t.job_id AND v."row" = t."row"
        WHERE t.is_changed OR t.needs_vector OR t.position <> t.old_position
    ),
    changed AS (
        UPDATE segments_documentsegment d SET
            content = c.content, answer = c.answer, keywords = c.keywords,
            external_id = c.external_id, metadata = c.metadata, enabled = c.enabled,
            disabled_at = CASE WHEN c.enabled THEN NULL
                               WHEN d.enabled THEN now() ELSE d.disabled_at END,
            disabled_by_id = CASE WHEN c.enabled THEN NULL
                                  WHEN d.enabled THEN %(user)s ELSE d.disabled_by_id END,
            word_count = c.word_count, tokens = c.tokens, index_node_hash = c.content_hash,
            embedding = c.embedding, position = c.position,
            updated_at = CASE WHEN c.is_changed THEN now() ELSE d.updated_at END,
            updated_by_id = CASE WHEN c.is_changed THEN %(user)s ELSE d.updated_by_id END
        FROM changing c WHERE d.id = c.segment_id
    )
    SELECT count(*) FILTER (WHERE is_changed), coalesce(sum(word_count - old_word_count), 0),
           coalesce(sum(tokens - old_tokens), 0), count(*) FILTER (WHERE lacks_vector)
    FROM changing
"""

INSERT = """
    WITH published AS (
        INSERT INTO segments_documentsegment (
            id, tenant_id, dataset_id, document_id, position, content, answer, word_count,
            tokens, keywords, external_id, metadata, index_node_id, index_node_hash, hit_count,
            enabled, status, created_by_id, created_at, updated_at, indexing_at, completed_at,
            import_job_id, embedding, search_vector)
        SELECT
            s.segment_id, %(tenant)s, %(dataset)s, %(document)s, {position},
            s.content, s.answer, s.word_count,
            s.tokens, s.keywords, s.external_id, s.metadata, s.segment_id, s.content_hash, 0,
            s.enabled, 'completed', %(user)s, now(), now(), %(indexing_at)s, now(),
            %(job)s, v.embedding, s.search_vector
        FROM {rows} s
        LEFT JOIN segments_stagedvector v USING (job_id, "row")
        WHERE s.job_id = %(job)s {unmatched}
        ORDER BY s."row"
        RETURNING word_count, tokens, embedding IS NULL AS lacks_vector
    )
    SELECT count(*), coalesce(sum(word_count), 0), coalesce(sum(tokens), 0),
           count(*) FILTER (WHERE lacks_vector)
    FROM published
"""
AFTER_THE_LAST = '%(last)s + row_number() OVER (ORDER BY s."row")'
UNMATCHED = """
    AND NOT EXISTS (
        SELECT FROM segments_stagedmatch m WHERE m.job_id = s.job_id AND m."row" = s."row")
"""


@dataclass(frozen=True, slots=True)
class Written:
    """Rows that a statement has written, what that adds to the sums, and vectors it lacked."""

    rows: int = 0
    word_count: int = 0
    tokens: int = 0
    without_vector: int = 0


def remove(aim: Aim) -> Written:
    """Remove the segments that no row is about."""
    return _run(REMOVE, aim.parameters)


def update(aim: Aim, job: ImportJob) -> Written:
    """Change the segments that differ from their rows; ids and hit counts stay.

    In a replacement they take the positions of their rows; those are no changes.
    """
    parameters = aim.parameters | {"user": job.created_by_id}
    statement = UPDATE.format(targets=aim.targets())
    with told(WITHOUT_LOOPS):
        return _run(statement, parameters)


def insert(aim: Aim, job: ImportJob) -> Written:
    """Add the rows that are about no segment: in their places, or after the last position."""
    segments = DocumentSegment.objects.filter(document=job.document_id)
    last = segments.aggregate(last=Max("position"))["last"]
    statement = INSERT.format(
        position="s.rank" if aim.ranks else AFTER_THE_LAST,
        rows=RANKED_ROWS if aim.ranks else "segments_stagedrow",
        unmatched=UNMATCHED if aim.looks_at_segments else "",
    )
    parameters = {"tenant": job.tenant_id, "user": job.created_by_id, "last": last or 0}
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('gin_pending_list_limit', %s, true)", [PENDING_LIST])
    with told(READ_BY_KEY):
        return _run(statement, aim.parameters | parameters | {"indexing_at": job.started_at})


def _run(statement: str, parameters: dict[str, Any]) -> Written:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return Written(*cursor.fetchone())

"""Merges staged rows into a document: match, then remove, update and insert.

Each step is one statement over all rows, written out below as the database gets it. In all of
them `s` is a staged row, `v` its vector, `d` a segment of the document, and `m` the match that
says which segment a row is about.
"""

from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from datasets.models import DocForm
from segments.db.transactions import planner_settings
from segments.files.names import METADATA_PREFIX
from segments.files.options import ImportMode
from segments.imports.parents import PARENT_OF_ROW
from segments.models import DocumentSegment, ImportJob, StagedMatch


@dataclass(frozen=True, slots=True)
class MergeSpec:
    """What is merged, where and how: `parts` are those that the file has columns for.

    A part that the file lacks is left as it is, unless the mode replaces everything.
    """

    job_id: UUID
    document_id: UUID
    dataset_id: UUID
    mode: ImportMode
    parts: frozenset[str]
    has_vectors: bool
    has_parents: bool = False

    @classmethod
    def of(cls, job: ImportJob) -> Self:
        """What a job whose file has been read merges."""
        return cls(
            job.pk,
            job.document_id,
            job.dataset_id,
            ImportMode(job.mode),
            frozenset(filter(None, job.file_details.get("uses", ()))),
            bool(job.embedding_model),
            job.document.doc_form == DocForm.HIERARCHICAL,
        )

    @property
    def looks_at_segments(self) -> bool:
        """Whether it matters what is there already."""
        return self.mode != ImportMode.APPEND

    @property
    def updates(self) -> bool:
        """Whether segments that are there are changed."""
        return self.mode in (ImportMode.UPSERT, ImportMode.SYNC, ImportMode.REPLACE)

    @property
    def removes(self) -> bool:
        """Whether segments that the file does not have are removed."""
        return self.mode in (ImportMode.SYNC, ImportMode.REPLACE)

    @property
    def replaces(self) -> bool:
        """Whether segments take all parts of their rows, and the positions of those in the file."""
        return self.mode == ImportMode.REPLACE

    @property
    def metadata_keys(self) -> list[str]:
        """The keys of metadata that have a column each."""
        return [
            part.removeprefix(METADATA_PREFIX)
            for part in self.parts
            if part.startswith(METADATA_PREFIX)
        ]

    @property
    def parameters(self) -> dict[str, Any]:
        """What all statements are given."""
        return {
            "job": self.job_id,
            "document": self.document_id,
            "dataset": self.dataset_id,
            "keys": self.metadata_keys,
        }


# --- which segment a row is about -------------------------------------------------------------

UNMATCHED_ROW = """
    s.job_id = %(job)s AND NOT EXISTS (
        SELECT FROM segments_stagedmatch m WHERE m.job_id = s.job_id AND m."row" = s."row")
"""
UNMATCHED_SEGMENT = """
    d.document_id = %(document)s AND NOT EXISTS (
        SELECT FROM segments_stagedmatch m WHERE m.job_id = %(job)s AND m.segment_id = d.id)
"""

# The rules, in their order: a later one finds only what the earlier ones have left.
BY_EXTERNAL_ID = """
    FROM segments_stagedrow s
    JOIN segments_documentsegment d
        ON d.document_id = %(document)s AND d.external_id = s.external_id
    WHERE s.job_id = %(job)s
"""
BY_ID = f"""
    FROM (SELECT DISTINCT ON (known_id) * FROM segments_stagedrow s
          WHERE known_id IS NOT NULL AND {UNMATCHED_ROW} ORDER BY known_id, "row") s
    JOIN segments_documentsegment d ON d.id = s.known_id AND {UNMATCHED_SEGMENT}
"""


def _by_text(*, with_answer: bool = False, with_new_id: bool = False) -> str:
    """The rule of equal texts: the first row is about the first segment, and so on.

    A row with an external id of its own (`with_new_id`) takes over a segment that has none yet.
    """
    rows = "s.external_id IS NOT NULL" if with_new_id else "s.external_id IS NULL"
    segments = "d.external_id IS NULL AND" if with_new_id else ""
    row_key = "s.content_hash, s.answer" if with_answer else "s.content_hash"
    segment_key = "d.index_node_hash, d.answer" if with_answer else "d.index_node_hash"
    same_answer = "AND d.answer IS NOT DISTINCT FROM s.answer" if with_answer else ""
    return f"""
        FROM (SELECT *, row_number() OVER (PARTITION BY {row_key} ORDER BY "row") AS number
              FROM segments_stagedrow s WHERE {rows} AND {UNMATCHED_ROW}) s
        JOIN (SELECT *, row_number() OVER (
                  PARTITION BY {segment_key}
                  ORDER BY d.external_id IS NOT NULL, d.position) AS number
              FROM segments_documentsegment d
              WHERE {segments} {UNMATCHED_SEGMENT} AND d.index_node_hash IN (
                  SELECT content_hash FROM segments_stagedrow WHERE job_id = %(job)s)) d
            ON d.index_node_hash = s.content_hash AND d.number = s.number {same_answer}
    """


# Rows that are numbered or compared by their text have no key: a loop over 100,000 of them would
# never end, hashing them takes a moment.
NO_LOOPS = {"enable_nestloop": "off"}


def match_statement(spec: MergeSpec, rule: str) -> str:
    """Notes which segments rows are about by `rule`, and which of them need another vector."""
    needs_vector = "false"  # nothing does in a dataset without vectors
    if spec.has_vectors and spec.mode != ImportMode.SKIP:
        needs_vector = "s.content_hash <> d.index_node_hash OR d.embedding IS NULL"
    return f"""
        INSERT INTO segments_stagedmatch (job_id, "row", segment_id, needs_vector)
        SELECT s.job_id, s."row", d.id, {needs_vector}
        {rule}
    """


@transaction.atomic(savepoint=False)
def match(spec: MergeSpec) -> None:
    """Note which segment each staged row is about, as the document is at this moment.

    An append is about none. Doing so again forgets what was noted before.
    """
    StagedMatch.objects.filter(job_id=spec.job_id)._raw_delete("default")
    if not spec.looks_at_segments:
        return
    by_answer = [_by_text(with_answer=True)] if "answer" in spec.parts else []
    by_text = (*by_answer, _by_text(), _by_text(with_new_id=True))
    with connection.cursor() as cursor:
        for rule in (BY_EXTERNAL_ID, BY_ID):
            cursor.execute(match_statement(spec, rule), spec.parameters)
        with planner_settings(NO_LOOPS):
            for rule in by_text:
                cursor.execute(match_statement(spec, rule), spec.parameters)


# --- how the rows are written -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Written:
    """Rows that a statement has written, what that adds to the sums, and vectors it lacked."""

    rows: int = 0
    word_count: int = 0
    tokens: int = 0
    without_vector: int = 0


REMOVE = f"""
    WITH gone AS (
        DELETE FROM segments_documentsegment d
        WHERE {UNMATCHED_SEGMENT}
        RETURNING word_count, tokens
    )
    SELECT count(*), -coalesce(sum(word_count), 0), -coalesce(sum(tokens), 0), 0 FROM gone
"""


def remove(spec: MergeSpec) -> Written:
    """Remove the segments that no row is about."""
    return _written(REMOVE, spec.parameters)


def _staged_rows(spec: MergeSpec) -> str:
    """The staged rows; those of a replacement with their rank, which becomes their position."""
    if not spec.replaces:
        return "segments_stagedrow"
    return """(
        SELECT *, row_number() OVER (ORDER BY "row") AS rank
        FROM segments_stagedrow WHERE job_id = %(job)s
    )"""


def targets(spec: MergeSpec) -> str:
    """Each staged row that is about a segment, with what the segment shall be."""

    def taken(part: str) -> str:
        return f"s.{part}" if spec.replaces or part in spec.parts else f"d.{part}"

    answer, keywords, enabled, metadata = map(taken, ("answer", "keywords", "enabled", "metadata"))
    if metadata == "d.metadata" and spec.metadata_keys:
        metadata = "(d.metadata - %(keys)s::text[]) || s.metadata"
    external_id = "s.external_id" if spec.replaces else "coalesce(s.external_id, d.external_id)"
    position = "s.rank" if spec.replaces else "d.position"
    return f"""
        SELECT s.job_id, s."row", s.line, m.segment_id, m.needs_vector,
               s.content, {answer} AS answer, {keywords} AS keywords,
               {external_id} AS external_id, {metadata} AS metadata, {enabled} AS enabled,
               s.tokens, s.content_hash, s.search_text,
               {position} AS position, d.position AS old_position,
               (s.content, {answer}, {keywords}, {external_id}, {metadata}, {enabled})
                   IS DISTINCT FROM
               (d.content, d.answer, d.keywords, d.external_id, d.metadata, d.enabled)
                   AS is_changed
        FROM segments_stagedmatch m
        JOIN {_staged_rows(spec)} s USING (job_id, "row")
        JOIN segments_documentsegment d
            ON d.id = m.segment_id AND d.document_id = %(document)s
        WHERE m.job_id = %(job)s
    """


HISTORY_PARTS = ("content", "answer", "keywords", "metadata", "enabled")


def _state(row: str, but: str = "") -> str:
    """What the history of a segment keeps of `row` (`segments.services.history`)."""
    parts = ", ".join(f"'{part}', {row}.{part}" for part in HISTORY_PARTS if part != but)
    return f"jsonb_build_object({parts})"


def update_statement(spec: MergeSpec) -> str:
    """Writes the `targets` that differ, and their history; counts the old sums before."""
    return f"""
        WITH targets AS MATERIALIZED ({targets(spec)}),
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
                search_text = c.search_text,
                embedding = c.embedding, position = c.position,
                updated_at = CASE WHEN c.is_changed THEN now() ELSE d.updated_at END,
                updated_by_id = CASE WHEN c.is_changed THEN %(user)s ELSE d.updated_by_id END
            FROM changing c WHERE d.id = c.segment_id
        ),
        remembered AS (
            INSERT INTO segments_segmentchange (
                document_id, segment_id, position, kind, before, after, import_id, changed_by_id)
            SELECT d.document_id, d.id, d.position,
                   CASE WHEN {_state("d", but="enabled")} <> {_state("c", but="enabled")}
                            THEN 'edited'
                        WHEN c.enabled THEN 'switched_on' ELSE 'switched_off' END,
                   {_state("d")}, {_state("c")}, %(job)s, %(user)s
            FROM changing c JOIN segments_documentsegment d ON d.id = c.segment_id
            WHERE c.is_changed AND {_state("d")} <> {_state("c")}
        )
        SELECT count(*) FILTER (WHERE is_changed), coalesce(sum(word_count - old_word_count), 0),
               coalesce(sum(tokens - old_tokens), 0), count(*) FILTER (WHERE lacks_vector)
        FROM changing
    """


def update(spec: MergeSpec, job: ImportJob) -> Written:
    """Change the segments that differ from their rows; ids and hit counts stay.

    In a replacement they take the positions of their rows; those are no changes.
    """
    with planner_settings(NO_LOOPS):
        return _written(update_statement(spec), spec.parameters | {"user": job.created_by_id})


# What the rows of a hierarchical document have besides: column, value, and where it is from.
PARENT = (
    ", parent_id",
    ", p.segment_id",
    f' LEFT JOIN {PARENT_OF_ROW} p USING (job_id, "row")',
)


def insert_statement(spec: MergeSpec) -> str:
    """Writes the rows that are about no segment, with their vectors and full-text entries."""
    parent = PARENT if spec.has_parents else ("", "", "")
    after_the_last = '%(last)s + row_number() OVER (ORDER BY s."row")'
    return f"""
        WITH published AS (
            INSERT INTO segments_documentsegment (
                id, tenant_id, dataset_id, document_id, position, content, answer, word_count,
                tokens, keywords, external_id, metadata, index_node_id, index_node_hash,
                hit_count, enabled, status, created_by_id, created_at, updated_at, indexing_at,
                completed_at, import_job_id, embedding, search_text, search_vector{parent[0]})
            SELECT
                s.segment_id, %(tenant)s, %(dataset)s, %(document)s,
                {"s.rank" if spec.replaces else after_the_last},
                s.content, s.answer, s.word_count,
                s.tokens, s.keywords, s.external_id, s.metadata, s.segment_id, s.content_hash, 0,
                s.enabled, 'completed', %(user)s, now(), now(), %(indexing_at)s, now(),
                %(job)s, v.embedding, s.search_text, s.search_vector{parent[1]}
            FROM {_staged_rows(spec)} s
            LEFT JOIN segments_stagedvector v USING (job_id, "row"){parent[2]}
            WHERE {UNMATCHED_ROW if spec.looks_at_segments else "s.job_id = %(job)s"}
            ORDER BY s."row"
            RETURNING word_count, tokens, embedding IS NULL AS lacks_vector
        )
        SELECT count(*), coalesce(sum(word_count), 0), coalesce(sum(tokens), 0),
               count(*) FILTER (WHERE lacks_vector)
        FROM published
    """


# The statistics are of earlier imports. The planner would expect one row and join by nested
# loops, each row with each vector, or sort all vectors on disk. Read along their primary keys
# instead, staged rows and vectors meet in the order they are inserted in.
READ_BY_KEY = {
    "enable_nestloop": "off",
    "enable_hashjoin": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
# New full-text entries wait in the index's pending list and are merged in one sweep after the
# commit, 1.4 times faster than merging them every 4 MB (the default) inside the transaction.
PENDING_LIST = "256MB"


def insert(spec: MergeSpec, job: ImportJob) -> Written:
    """Add the rows that are about no segment: in their places, or after the last position."""
    segments = DocumentSegment.objects.filter(document=job.document_id)
    parameters = spec.parameters | {
        "tenant": job.tenant_id,
        "user": job.created_by_id,
        "indexing_at": job.started_at,
        "last": segments.aggregate(last=Max("position"))["last"] or 0,
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('gin_pending_list_limit', %s, true)", [PENDING_LIST])
    with planner_settings(READ_BY_KEY):
        return _written(insert_statement(spec), parameters)


def _written(statement: str, parameters: dict[str, Any]) -> Written:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return Written(*cursor.fetchone())

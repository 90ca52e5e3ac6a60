"""Merges staged rows into a document: which segment each row is about, and how it is written."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from segments.files.columns import METADATA_PREFIX
from segments.models import DocumentSegment, ImportJob, StagedMatch
from segments.models.import_job import ImportMode

# Parts whose column is taken over as it is; a part the file lacks is left as it was.
PLAIN_PARTS = ("answer", "keywords", "enabled")

TARGETS = """
    SELECT s.job_id, s."row", s.line, m.segment_id, m.needs_vector,
           s.content, {answer} AS answer, {keywords} AS keywords, {external_id} AS external_id,
           {metadata} AS metadata, {enabled} AS enabled, s.tokens, s.content_hash,
           {position} AS position, d.position AS old_position,
           (s.content, {answer}, {keywords}, {external_id}, {metadata}, {enabled})
               IS DISTINCT FROM
           (d.content, d.answer, d.keywords, d.external_id, d.metadata, d.enabled) AS is_changed
    FROM segments_stagedmatch m
    JOIN {rows} s USING (job_id, "row")
    JOIN segments_documentsegment d
        ON d.id = m.segment_id AND d.document_id = %(document)s
    WHERE m.job_id = %(job)s
"""
"""Each staged row that is about a segment, with what the segment shall be."""


RANKED_ROWS = """(
    SELECT *, row_number() OVER (ORDER BY "row") AS rank
    FROM segments_stagedrow WHERE job_id = %(job)s
)"""


@dataclass(frozen=True, slots=True)
class MergeSpec:
    """An import's mode, its place, and the parts of a segment that its file has columns for."""

    job_id: UUID
    document_id: UUID
    dataset_id: UUID
    mode: ImportMode
    parts: frozenset[str]
    has_vectors: bool

    @classmethod
    def of(cls, job: ImportJob) -> Self:
        """The aim of a job whose file has been read."""
        return cls(
            job.pk,
            job.document_id,
            job.dataset_id,
            ImportMode(job.mode),
            frozenset(filter(None, job.source.get("uses", ()))),
            bool(job.embedding_model),
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
    def ranks(self) -> bool:
        """Whether segments take the positions that their rows have in the file."""
        return self.mode == ImportMode.REPLACE

    @property
    def parameters(self) -> dict[str, Any]:
        """What the statements of an import are about."""
        return {
            "job": self.job_id,
            "document": self.document_id,
            "dataset": self.dataset_id,
            "keys": self._metadata_keys(),
        }

    def targets(self) -> str:
        """The statement `TARGETS` for this import."""
        takes_all = self.ranks
        plain = {
            part: f"s.{part}" if takes_all or part in self.parts else f"d.{part}"
            for part in PLAIN_PARTS
        }
        return TARGETS.format(
            rows=RANKED_ROWS if takes_all else "segments_stagedrow",
            external_id="s.external_id" if takes_all else "coalesce(s.external_id, d.external_id)",
            metadata=self._metadata(takes_all),
            position="s.rank" if takes_all else "d.position",
            **plain,
        )

    def _metadata(self, takes_all: bool) -> str:
        if takes_all or "metadata" in self.parts:
            return "s.metadata"
        if self._metadata_keys():
            return "(d.metadata - %(keys)s::text[]) || s.metadata"
        return "d.metadata"

    def _metadata_keys(self) -> list[str]:
        return [
            part[len(METADATA_PREFIX) :] for part in self.parts if part.startswith(METADATA_PREFIX)
        ]


# Its statistics are of earlier imports. It would expect one row and join by nested loops, each
# row with each vector, or sort all vectors on disk. Read along their primary keys instead, staged
# rows and vectors meet in the order they are inserted in.
READ_BY_KEY = {
    "enable_nestloop": "off",
    "enable_hashjoin": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
# Rows that are numbered or compared by their text have no key: a loop over 100,000 of them would
# never end, hashing them takes a moment.
WITHOUT_LOOPS = {"enable_nestloop": "off"}
# The index of texts is by a key of their hashes (`TextKey`), which a statement has to name.
SAME_TEXT = """
    hashtextextended(d.index_node_hash, 0) = hashtextextended(s.content_hash, 0)
        AND d.index_node_hash = s.content_hash
"""
"""Whether segment `d` and staged row `s` are of one text."""

SET = """
    SELECT set_config(name, value, true)
    FROM unnest(%s::text[], %s::text[]) AS hint (name, value)
"""


@contextmanager
def planner_settings(hints: Mapping[str, str]) -> Iterator[None]:
    """Have the statements inside planned under `hints`; afterwards as usual."""
    _set(hints)
    yield
    _set(dict.fromkeys(hints, "on"))


def _set(values: Mapping[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SET, [list(values), list(values.values())])


# A text that is another needs its vector; nothing does in a dataset without vectors.
MATCH = """
    INSERT INTO segments_stagedmatch (job_id, "row", segment_id, needs_vector)
    SELECT s.job_id, s."row", d.id, {needs_vector}
"""
NEEDS_VECTOR = "s.content_hash <> d.index_node_hash OR d.embedding IS NULL"
FREE_ROW = """
    s.job_id = %(job)s AND NOT EXISTS (
        SELECT FROM segments_stagedmatch m WHERE m.job_id = s.job_id AND m."row" = s."row")
"""
FREE_SEGMENT = """
    d.document_id = %(document)s AND NOT EXISTS (
        SELECT FROM segments_stagedmatch m WHERE m.job_id = %(job)s AND m.segment_id = d.id)
"""

BY_EXTERNAL_ID = """
    FROM segments_stagedrow s
    JOIN segments_documentsegment d
        ON d.document_id = %(document)s AND d.external_id = s.external_id
    WHERE s.job_id = %(job)s
"""

BY_ID = f"""
    FROM (SELECT DISTINCT ON (known_id) * FROM segments_stagedrow s
          WHERE known_id IS NOT NULL AND {FREE_ROW} ORDER BY known_id, "row") s
    JOIN segments_documentsegment d ON d.id = s.known_id AND {FREE_SEGMENT}
"""

BY_TEXT = f"""
    FROM (SELECT *, row_number() OVER (PARTITION BY {{row_key}} ORDER BY "row") AS number
          FROM segments_stagedrow s WHERE s.external_id {{of_rows}} AND {FREE_ROW}) s
    JOIN (SELECT *, row_number() OVER (
              PARTITION BY {{segment_key}} ORDER BY d.external_id IS NOT NULL, d.position) AS number
          FROM segments_documentsegment d
          WHERE {{of_segments}} {FREE_SEGMENT} AND d.index_node_hash IN (
              SELECT content_hash FROM segments_stagedrow WHERE job_id = %(job)s)) d
        ON d.index_node_hash = s.content_hash AND d.number = s.number {{same_answer}}
"""
BY_TEXT_AND_ANSWER = BY_TEXT.format(
    row_key="s.content_hash, s.answer",
    segment_key="d.index_node_hash, d.answer",
    of_rows="IS NULL",
    of_segments="",
    same_answer="AND d.answer IS NOT DISTINCT FROM s.answer",
)
BY_TEXT_ALONE = BY_TEXT.format(
    row_key="s.content_hash",
    segment_key="d.index_node_hash",
    of_rows="IS NULL",
    of_segments="",
    same_answer="",
)
# A row with an id of its own takes over a segment that has none yet.
BY_TEXT_WITH_NEW_ID = BY_TEXT.format(
    row_key="s.content_hash",
    segment_key="d.index_node_hash",
    of_rows="IS NOT NULL",
    of_segments="d.external_id IS NULL AND",
    same_answer="",
)


@transaction.atomic(savepoint=False)
def match(aim: MergeSpec) -> None:
    """Note which segment each staged row is about, as the document is at this moment.

    An append is about none. Doing so again forgets what was noted before.
    """
    StagedMatch.objects.filter(job_id=aim.job_id)._raw_delete("default")
    if not aim.looks_at_segments:
        return
    needs_vector = "false"
    if aim.has_vectors and aim.mode != ImportMode.SKIP:
        needs_vector = NEEDS_VECTOR
    statement = MATCH.format(needs_vector=needs_vector)
    by_answer = [BY_TEXT_AND_ANSWER] if "answer" in aim.parts else []
    with connection.cursor() as cursor:
        for rule in (BY_EXTERNAL_ID, BY_ID):
            cursor.execute(statement + rule, aim.parameters)
        with planner_settings(WITHOUT_LOOPS):
            for rule in (*by_answer, BY_TEXT_ALONE, BY_TEXT_WITH_NEW_ID):
                cursor.execute(statement + rule, aim.parameters)


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


def remove(aim: MergeSpec) -> Written:
    """Remove the segments that no row is about."""
    return _run(REMOVE, aim.parameters)


def update(aim: MergeSpec, job: ImportJob) -> Written:
    """Change the segments that differ from their rows; ids and hit counts stay.

    In a replacement they take the positions of their rows; those are no changes.
    """
    parameters = aim.parameters | {"user": job.created_by_id}
    statement = UPDATE.format(targets=aim.targets())
    with planner_settings(WITHOUT_LOOPS):
        return _run(statement, parameters)


def insert(aim: MergeSpec, job: ImportJob) -> Written:
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
    with planner_settings(READ_BY_KEY):
        return _run(statement, aim.parameters | parameters | {"indexing_at": job.started_at})


def _run(statement: str, parameters: dict[str, Any]) -> Written:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return Written(*cursor.fetchone())

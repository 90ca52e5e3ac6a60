"""Staged rows ─match─► the segments they are about: by external id, by id, by text.

The k-th of several equal rows is about the k-th of several equal segments, so that a document
with repetitions comes back from its own export unchanged.
"""

from django.db import connection, transaction

from segments.importing.aims import Aim
from segments.importing.planner import WITHOUT_LOOPS, told
from segments.models import StagedMatch
from segments.models.import_job import ImportMode

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
def match(aim: Aim) -> None:
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
        with told(WITHOUT_LOOPS):
            for rule in (*by_answer, BY_TEXT_ALONE, BY_TEXT_WITH_NEW_ID):
                cursor.execute(statement + rule, aim.parameters)

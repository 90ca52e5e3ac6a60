"""BM25 in one bounded statement, for segments that no generation of the index has yet.

The work is bounded, whatever the size of the dataset:

1. Each term is looked up in PostgreSQL's index. Only the head of each row is read, in a few
   microseconds. This gives df, and every candidate's score with tf = 1.
2. If that would be too many rows, only the rarest terms are looked up. A sample of the dataset
   shows which these are, and estimates the df of the others.
3. For the best candidates the full-text entries are read, for tf, and scored with all terms.
"""

from collections.abc import Sequence

from datasets.models import Dataset, IndexingStatus
from segments.db.replicas import connection
from segments.db.transactions import one_statement
from segments.models.segment import SegmentStatus
from segments.search.filter_sql import passing
from segments.search.filters import ALL, SearchFilter
from segments.search.fusion import Ranked
from segments.search.postings import K1, B
from segments.search.words import Term

# Rows read, at about 3 µs each: an answer takes a third of a second at most. Questions in
# ordinary words stay below it up to about 100,000 segments, and are ranked exactly.
ROWS = 100_000
# Large enough to find the terms that occur in over 1 % of the segments.
SAMPLE = 500
# Candidates whose entries are read, at about 60 µs each for long texts, and ten times that for
# Thai, which is cut into many pieces. Measured on Cranfield (1,400 abstracts): nDCG@10 is the same
# with 100, 200 and 500.
OPENED = 100
# Enough for the bitmaps and sums of that many rows; with PostgreSQL's default of 4 MB the
# bitmaps would become lossy, and whole pages would be read instead.
WORK_MEM = "64MB"

RANK = """
    WITH terms AS MATERIALIZED (
        -- tsvector and tsquery quote words alike, so PostgreSQL does the quoting, not we.
        SELECT lexeme, weight, array_to_tsvector(ARRAY[lexeme])::text::tsquery
            && segments_full_text_of_dataset('', %(dataset)s)::text::tsquery AS query
        FROM unnest(%(lexemes)s::text[], %(weights)s::float8[]) AS term (lexeme, weight)
    ),
    documents AS MATERIALIZED (
        SELECT * FROM datasets_document
        WHERE dataset_id = %(dataset)s AND tenant_id = %(tenant)s
            AND enabled AND NOT archived AND indexing_status = %(document_status)s
    ),
    totals AS MATERIALIZED (
        SELECT greatest(sum(segment_count), 1)::float8 AS segments,
            greatest(sum(word_count), 1)::float8 / greatest(sum(segment_count), 1) AS mean_length,
            ceil(greatest(sum(segment_count), 1)::float8 / %(sample)s)::int AS stride
        FROM documents
    ),
    sample AS MATERIALIZED (
        SELECT search_vector
        FROM totals CROSS JOIN documents CROSS JOIN LATERAL generate_series(
            1 + abs(hashtext(documents.id::text)::bigint) %% stride, segment_count, stride
        ) AS place
        JOIN segments_documentsegment ON document_id = documents.id AND position = place
        WHERE (SELECT count(*) FROM terms) * segments > %(rows)s
    ),
    sampled AS MATERIALIZED (
        SELECT lexeme, count(*) AS found
        FROM sample CROSS JOIN LATERAL unnest(search_vector) JOIN terms USING (lexeme)
        GROUP BY lexeme
    ),
    estimated AS MATERIALIZED (
        SELECT lexeme, query, segments
            * coalesce(found, 0.5) / (SELECT greatest(count(*), 1) FROM sample) AS df
        FROM terms LEFT JOIN sampled USING (lexeme) CROSS JOIN totals
    ),
    rarest AS MATERIALIZED (
        SELECT lexeme, query, row_number() OVER by_rarity AS term, df AS estimated_df,
            row_number() OVER by_rarity = 1 OR sum(df) OVER by_rarity <= %(rows)s AS looked_up
        FROM estimated WINDOW by_rarity AS (ORDER BY df, lexeme)
    ),
    occurrences AS MATERIALIZED (
        SELECT term, s.id, s.word_count, {passes} AS passes
        FROM rarest CROSS JOIN LATERAL (
            SELECT {columns} FROM segments_documentsegment
            WHERE segments_full_text_of_dataset(search_vector, dataset_id) @@ rarest.query
                AND status = %(segment_status)s
            OFFSET 0  -- a planner fence: first the index, term by term, then the documents
        ) s
        JOIN documents d ON d.id = s.document_id
        WHERE looked_up
    ),
    frequencies AS MATERIALIZED (
        SELECT term, lexeme, least(coalesce(found, estimated_df), segments) AS df, segments
        FROM rarest CROSS JOIN totals
        LEFT JOIN (SELECT term, count(*) AS found FROM occurrences GROUP BY term) counted
            USING (term)
    ),
    weights AS MATERIALIZED (
        SELECT term, lexeme, weight * ln(1 + (segments - df + 0.5) / (df + 0.5)) AS idf
        FROM frequencies JOIN terms USING (lexeme)
    ),
    candidates AS MATERIALIZED (
        SELECT id, dampening FROM (
            SELECT id, sum(idf) AS idf,
                %(k1)s * (1 - %(b)s + %(b)s * min(word_count) / min(mean_length)) AS dampening
            FROM occurrences JOIN weights USING (term) CROSS JOIN totals
            WHERE passes
            GROUP BY id
        ) found
        ORDER BY idf / (1 + dampening) DESC, id
        LIMIT %(opened)s
    ){few}
    SELECT id, score FROM (
        SELECT id, position, (
            SELECT sum(idf * tf * (%(k1)s + 1) / (tf + dampening))
            -- What is not asked for is taken out first: to unnest it takes three times as long.
            FROM unnest(ts_delete(search_vector,
                    tsvector_to_array(ts_delete(search_vector, %(lexemes)s::text[]))))
                JOIN weights USING (lexeme)
                CROSS JOIN LATERAL (SELECT cardinality(positions)::float8 AS tf) frequency
        ) AS score
        FROM ({candidates}) candidate JOIN segments_documentsegment USING (id)
        OFFSET 0  -- or the score would be computed once to filter and once to sort
    ) scored
    WHERE score > 0
    ORDER BY score DESC, position, id
    LIMIT %(limit)s
"""
# With a filter that few segments pass, all of these are candidates where not all terms were looked
# up: those that have the rarest terms need not be among them.
FEW = """,
    few AS MATERIALIZED (
        SELECT s.id, s.word_count
        FROM segments_documentsegment s JOIN documents d ON d.id = s.document_id
        WHERE s.dataset_id = %(dataset)s AND s.status = %(segment_status)s AND {passes}
            AND (SELECT NOT bool_and(looked_up) FROM rarest)
        LIMIT %(few)s + 1
    )"""
CANDIDATES = "SELECT id, dampening FROM candidates"
WITH_FEW = f"""{CANDIDATES}
        UNION
        SELECT id, %(k1)s * (1 - %(b)s + %(b)s * word_count / mean_length) AS dampening
        FROM few CROSS JOIN totals
        WHERE (SELECT count(*) FROM few) <= %(few)s"""
COLUMNS, COLUMNS_FILTERED = (
    "id, document_id, word_count, enabled",
    "id, document_id, word_count, enabled, external_id, keywords, metadata",
)
# Beyond, those that have the rarest terms suffice.
MOST_FEW = 10_000


def bounded_ranking(
    dataset: Dataset, terms: Sequence[Term], limit: int, where: SearchFilter = ALL
) -> list[Ranked]:
    """The segments that have any of `terms`, best first, with BM25 scores above 0.

    Exact up to about `ROWS` matching rows; beyond, frequent words count by an estimate.
    """
    filter_ = passing(where)
    statement = RANK.format(
        passes=filter_.sql,
        columns=COLUMNS_FILTERED if where.is_narrow else COLUMNS,
        few=FEW.format(passes=filter_.sql) if where.is_narrow else "",
        candidates=WITH_FEW if where.is_narrow else CANDIDATES,
    )
    with one_statement(), connection.cursor() as cursor:
        cursor.execute(
            f"SET LOCAL work_mem = '{WORK_MEM}'; {statement}",
            {
                "lexemes": [term.lexeme for term in terms],
                "weights": [term.weight for term in terms],
                "dataset": dataset.pk,
                "tenant": dataset.tenant_id,
                "document_status": IndexingStatus.COMPLETED,
                "segment_status": SegmentStatus.COMPLETED,
                "k1": K1,
                "b": B,
                "rows": ROWS,
                "sample": SAMPLE,
                "opened": max(OPENED, limit),
                "limit": limit,
                "few": MOST_FEW,
                **filter_.parameters,
            },
        )
        return [Ranked(*row) for row in cursor.fetchall()]

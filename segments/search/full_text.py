"""Search by words: BM25 over the full-text index, in one statement.

A question is not a list of words that must all occur, so every segment with any of its words
is a candidate, and BM25 puts the most telling ones first:

    score(d) = Σ idf(t) · tf · (k1 + 1) / (tf + k1 · (1 − b + b · length(d) / mean length))
    idf(t)   = ln(1 + (N − df(t) + ½) / (df(t) + ½))

over the terms t of the question (Robertson and Zaragoza, "The Probabilistic Relevance
Framework: BM25 and Beyond", 2009; the 1 in the logarithm, as Lucene has it, keeps the weight of
frequent terms above zero). The terms are what the dataset's text search configuration makes of
the question, tf is a term's number of positions in the segment's entry, lengths are in
characters, and N and the mean length are the totals of the searchable documents.

The work is bounded. The index is asked once per term; nothing but the row's head is read, so
that a common word costs microseconds a row. That gives df, and a score with tf = 1; only the
best of these have their entries opened for the true tf.
"""

from django.db import connection

from datasets.models import Dataset, IndexingStatus
from segments.models.segment import SegmentStatus
from segments.search.ranking import Ranked

# Usual values (the paper: k1 between 1.2 and 2, b between 0.5 and 0.8).
K1 = 1.5
B = 0.75
# Candidates whose entries are opened. Entries of long texts take some 30 µs each.
OPENED = 500
# Up to so many different terms, a question is searched with all of them.
TERMS_OF_A_QUESTION = 32
# A longer one is a pasted text. It is searched with its rarest terms, as many as have so many
# rows of the index together (some 3 µs each), as estimated from a sample of the dataset.
ROWS_OF_A_TEXT = 100_000
SAMPLE = 500

RANK = """
    WITH terms AS MATERIALIZED (
        -- A lexeme is spelt alike in a tsvector and a tsquery: quoted by PostgreSQL, not by us.
        SELECT lexeme, array_to_tsvector(ARRAY[lexeme])::text::tsquery AS query
        FROM unnest(to_tsvector(%(config)s::regconfig, %(question)s))
    ),
    documents AS MATERIALIZED (
        SELECT id, segment_count, word_count FROM datasets_document
        WHERE dataset_id = %(dataset)s AND tenant_id = %(tenant)s
            AND enabled AND NOT archived AND indexing_status = %(document_status)s
    ),
    totals AS MATERIALIZED (
        SELECT greatest(sum(segment_count), 1)::float8 AS segments,
            greatest(sum(word_count), 1)::float8 / greatest(sum(segment_count), 1) AS mean_length
        FROM documents
    ),
    sample AS MATERIALIZED (
        -- In the order of their hashes, texts come as if by lot.
        SELECT search_vector FROM segments_documentsegment
        WHERE dataset_id = %(dataset)s AND (SELECT count(*) FROM terms) > %(terms)s
        ORDER BY index_node_hash LIMIT %(sample)s
    ),
    frequencies AS MATERIALIZED (
        SELECT lexeme, count(*) AS found
        FROM sample CROSS JOIN LATERAL unnest(search_vector) JOIN terms USING (lexeme)
        GROUP BY lexeme
    ),
    rarest AS MATERIALIZED (
        SELECT lexeme, query, row_number() OVER by_rarity AS term,
            sum(coalesce(found, 0.5)) OVER by_rarity / (SELECT greatest(count(*), 1) FROM sample)
                * (SELECT segments FROM totals) AS rows_up_to_here
        FROM terms LEFT JOIN frequencies USING (lexeme)
        WINDOW by_rarity AS (ORDER BY coalesce(found, 0), lexeme)
    ),
    chosen AS MATERIALIZED (
        SELECT lexeme, query, term FROM rarest
        WHERE (SELECT count(*) FROM terms) <= %(terms)s
            OR term = 1 OR rows_up_to_here <= %(rows)s
    ),
    occurrences AS MATERIALIZED (
        SELECT term, segment.id, segment.word_count
        FROM chosen CROSS JOIN LATERAL (
            SELECT id, document_id, word_count FROM segments_documentsegment
            WHERE dataset_id = %(dataset)s AND search_vector @@ chosen.query
                AND enabled AND status = %(segment_status)s
            OFFSET 0  -- a fence: terms one by one through the index, documents afterwards
        ) segment
        JOIN documents ON documents.id = segment.document_id
    ),
    weights AS MATERIALIZED (
        SELECT term, lexeme, ln(1 + (greatest(segments - df, 0) + 0.5) / (df + 0.5)) AS idf
        FROM (SELECT term, count(*)::float8 AS df FROM occurrences GROUP BY term) counted
        JOIN chosen USING (term) CROSS JOIN totals
    ),
    candidates AS MATERIALIZED (
        SELECT id, %(k1)s * (1 - %(b)s + %(b)s * word_count / mean_length) AS dampening
        FROM occurrences JOIN weights USING (term) CROSS JOIN totals
        GROUP BY id, word_count, mean_length
        ORDER BY sum(idf) / (1 + %(k1)s * (1 - %(b)s + %(b)s * word_count / mean_length)) DESC, id
        LIMIT %(opened)s
    )
    SELECT id, (
        SELECT sum(idf * tf * (%(k1)s + 1) / (tf + dampening))
        FROM unnest(search_vector) JOIN weights USING (lexeme)
            CROSS JOIN LATERAL (SELECT cardinality(positions)::float8 AS tf) frequency
    ) AS score
    FROM candidates JOIN segments_documentsegment USING (id)
    ORDER BY score DESC, position, id
    LIMIT %(limit)s
"""


def full_text_ranking(dataset: Dataset, question: str, limit: int) -> list[Ranked]:
    """The segments that answer `question` by its words, best first; the score is BM25's, over 0.

    Any text gives hits or none: operators are words, and of nothing but stop words comes nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            RANK,
            {
                "config": dataset.text_search_config,
                "question": question,
                "dataset": dataset.pk,
                "tenant": dataset.tenant_id,
                "document_status": IndexingStatus.COMPLETED,
                "segment_status": SegmentStatus.COMPLETED,
                "k1": K1,
                "b": B,
                "opened": max(OPENED, limit),
                "terms": TERMS_OF_A_QUESTION,
                "rows": ROWS_OF_A_TEXT,
                "sample": SAMPLE,
                "limit": limit,
            },
        )
        return [Ranked(*row) for row in cursor.fetchall()]

-- Keeps the counts of a deleted import: Prometheus takes a falling counter for a restart, and
-- would count everything again.
CREATE OR REPLACE FUNCTION segments_keep_deleted_import() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO segments_deletedjob (
        status,
        started_at, prepared_at, embedded_at, finished_at,
        rows_failed, rows_embedded, rows_reused,
        rows_created, rows_updated, rows_skipped, rows_deleted,
        embedding_requests, embedding_tokens, embedding_cost)
    VALUES (
        CASE WHEN OLD.finished_at IS NULL THEN 'deleted' ELSE OLD.status END,
        OLD.started_at, OLD.prepared_at, OLD.embedded_at, OLD.finished_at,
        OLD.rows_failed, OLD.rows_embedded, OLD.rows_reused,
        OLD.rows_created, OLD.rows_updated, OLD.rows_skipped, OLD.rows_deleted,
        OLD.embedding_requests, OLD.embedding_tokens, OLD.embedding_cost);
    RETURN NULL;
END
$$;

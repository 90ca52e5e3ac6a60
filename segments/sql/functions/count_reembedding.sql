-- Keeps what a deleted re-embedding has to count. There are few re-embeddings, so /metrics reads
-- the rows themselves; only what is deleted has to be kept.
CREATE OR REPLACE FUNCTION segments_count_reembedding() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO segments_metriccount (name, label, bucket, value)
    SELECT * FROM segments_counts_of_reembedding(OLD);
    RETURN NULL;
END
$$;

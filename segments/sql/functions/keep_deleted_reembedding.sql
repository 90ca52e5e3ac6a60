-- Keeps what endpoints billed for a deleted re-embedding, so that no counter of /metrics falls.
CREATE OR REPLACE FUNCTION segments_keep_deleted_reembedding() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO segments_deletedjob (embedding_requests, embedding_tokens, embedding_cost)
    VALUES (OLD.embedding_requests, OLD.embedding_tokens, OLD.embedding_cost);
    RETURN NULL;
END
$$;

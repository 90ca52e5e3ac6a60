-- Keeps the counts of a deleted re-embedding's requests to its endpoint.
CREATE OR REPLACE FUNCTION segments_keep_deleted_reembedding() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO segments_deletedjob (embedding_requests, embedding_tokens, embedding_cost)
    VALUES (OLD.embedding_requests, OLD.embedding_tokens, OLD.embedding_cost);
    RETURN NULL;
END
$$;

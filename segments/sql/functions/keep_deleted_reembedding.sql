-- What a deleted re-embedding asked of its endpoint stays counted.
CREATE OR REPLACE FUNCTION segments_keep_deleted_reembedding() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO segments_deletedjob (embedding_requests, embedding_tokens, embedding_cost)
    VALUES (OLD.embedding_requests, OLD.embedding_tokens, OLD.embedding_cost);
    RETURN NULL;
END
$$;

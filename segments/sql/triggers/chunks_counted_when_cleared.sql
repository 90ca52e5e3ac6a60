-- Done chunks stay counted when they are deleted.
CREATE OR REPLACE TRIGGER chunks_counted_when_cleared
    AFTER DELETE ON segments_chunk
    REFERENCING OLD TABLE AS cleared
    FOR EACH STATEMENT EXECUTE FUNCTION segments_count_cleared_chunks();

-- What endpoints billed for a re-embedding stays counted when it is deleted.
CREATE OR REPLACE TRIGGER reembedding_counted_when_deleted
    AFTER DELETE ON segments_reembedding
    FOR EACH ROW EXECUTE FUNCTION segments_count_reembedding();

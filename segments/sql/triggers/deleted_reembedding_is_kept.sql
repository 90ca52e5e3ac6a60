-- What endpoints billed for a re-embedding stays counted when it is deleted.
CREATE OR REPLACE TRIGGER deleted_reembedding_is_kept
    AFTER DELETE ON segments_reembedding
    FOR EACH ROW EXECUTE FUNCTION segments_keep_deleted_reembedding();

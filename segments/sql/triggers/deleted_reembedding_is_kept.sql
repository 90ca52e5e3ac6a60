-- Every re-embedding that is deleted leaves a row with what it had asked of its endpoint.
CREATE OR REPLACE TRIGGER deleted_reembedding_is_kept
    AFTER DELETE ON segments_reembedding
    FOR EACH ROW EXECUTE FUNCTION segments_keep_deleted_reembedding();

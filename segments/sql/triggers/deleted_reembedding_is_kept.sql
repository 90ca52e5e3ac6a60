-- Every re-embedding that is deleted leaves a row with its requests to the endpoint.
CREATE OR REPLACE TRIGGER deleted_reembedding_is_kept
    AFTER DELETE ON segments_reembedding
    FOR EACH ROW EXECUTE FUNCTION segments_keep_deleted_reembedding();

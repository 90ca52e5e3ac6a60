-- Every claim of a chunk after the first is counted as a retry.
CREATE OR REPLACE TRIGGER chunk_retry_counted
    AFTER UPDATE OF attempts ON segments_chunk
    FOR EACH ROW WHEN (OLD.attempts >= 1 AND NEW.attempts > OLD.attempts)
    EXECUTE FUNCTION segments_count_retry('embed');

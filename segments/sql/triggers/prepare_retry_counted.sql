-- Every claim of an import's preparation after the first is counted as a retry.
CREATE OR REPLACE TRIGGER prepare_retry_counted
    AFTER UPDATE OF attempts ON segments_importjob
    FOR EACH ROW WHEN (
        NEW.status = 'preparing' AND OLD.attempts >= 1 AND NEW.attempts > OLD.attempts)
    EXECUTE FUNCTION segments_count_retry('prepare');

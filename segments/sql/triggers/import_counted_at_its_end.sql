-- An import is counted when it ends, and what is billed afterwards when it is.
CREATE OR REPLACE TRIGGER import_counted_at_its_end
    AFTER UPDATE OF status, embedding_requests, embedding_tokens ON segments_importjob
    FOR EACH ROW WHEN (
        NEW.finished_at IS NOT NULL AND (
            OLD.finished_at IS NULL
            OR NEW.embedding_requests <> OLD.embedding_requests
            OR NEW.embedding_tokens <> OLD.embedding_tokens))
    EXECUTE FUNCTION segments_count_import();

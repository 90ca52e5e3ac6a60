-- An open import that is deleted is counted as ended. A finished one has been counted.
CREATE OR REPLACE TRIGGER import_counted_when_deleted
    AFTER DELETE ON segments_importjob
    FOR EACH ROW WHEN (OLD.finished_at IS NULL)
    EXECUTE FUNCTION segments_count_import();

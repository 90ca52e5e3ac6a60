-- Every import that is deleted leaves a row with its counts.
CREATE OR REPLACE TRIGGER deleted_import_is_kept
    AFTER DELETE ON segments_importjob
    FOR EACH ROW EXECUTE FUNCTION segments_keep_deleted_import();

-- What an import had done stays counted when it is deleted.
CREATE OR REPLACE TRIGGER deleted_import_is_kept
    AFTER DELETE ON segments_importjob
    FOR EACH ROW EXECUTE FUNCTION segments_keep_deleted_import();

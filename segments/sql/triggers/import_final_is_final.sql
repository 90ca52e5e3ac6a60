-- A completed, failed or cancelled import stays so.
CREATE OR REPLACE TRIGGER import_final_is_final
    BEFORE UPDATE OF status ON segments_importjob
    FOR EACH ROW WHEN (
        OLD.status IN ('completed', 'failed', 'cancelled') AND NEW.status <> OLD.status)
    EXECUTE FUNCTION segments_refuse_change_of_final_state();

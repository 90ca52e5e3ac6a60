-- The epoch of an import never falls.
CREATE OR REPLACE TRIGGER import_epoch_never_falls
    BEFORE UPDATE OF epoch ON segments_importjob
    FOR EACH ROW WHEN (NEW.epoch < OLD.epoch)
    EXECUTE FUNCTION segments_refuse_falling_epoch();

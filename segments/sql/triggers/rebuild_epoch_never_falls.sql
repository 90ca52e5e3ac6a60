-- The epoch of a full-text rebuild never falls.
CREATE OR REPLACE TRIGGER rebuild_epoch_never_falls
    BEFORE UPDATE OF epoch ON segments_fulltextrebuild
    FOR EACH ROW WHEN (NEW.epoch < OLD.epoch)
    EXECUTE FUNCTION segments_refuse_falling_epoch();

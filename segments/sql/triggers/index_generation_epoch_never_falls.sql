-- The epoch of an index generation never falls.
CREATE OR REPLACE TRIGGER index_generation_epoch_never_falls
    BEFORE UPDATE OF epoch ON segments_indexgeneration
    FOR EACH ROW WHEN (NEW.epoch < OLD.epoch)
    EXECUTE FUNCTION segments_refuse_falling_epoch();

-- The epoch of a re-embedding never falls.
CREATE OR REPLACE TRIGGER reembedding_epoch_never_falls
    BEFORE UPDATE OF epoch ON segments_reembedding
    FOR EACH ROW WHEN (NEW.epoch < OLD.epoch)
    EXECUTE FUNCTION segments_refuse_falling_epoch();

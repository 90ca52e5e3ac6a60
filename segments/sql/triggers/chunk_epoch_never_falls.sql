-- The epoch of a chunk never falls.
CREATE OR REPLACE TRIGGER chunk_epoch_never_falls
    BEFORE UPDATE OF epoch ON segments_chunk
    FOR EACH ROW WHEN (NEW.epoch < OLD.epoch)
    EXECUTE FUNCTION segments_refuse_falling_epoch();

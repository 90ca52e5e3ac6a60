-- The epoch of a webhook's delivery never falls.
CREATE OR REPLACE TRIGGER delivery_epoch_never_falls
    BEFORE UPDATE OF epoch ON segments_webhookdelivery
    FOR EACH ROW WHEN (NEW.epoch < OLD.epoch)
    EXECUTE FUNCTION segments_refuse_falling_epoch();

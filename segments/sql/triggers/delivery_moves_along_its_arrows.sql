-- A webhook's delivery moves along the arrows that `segments.webhooks.deliveries` draws, whoever
-- writes. Every open state may fail or be cancelled; a final one stays.
CREATE OR REPLACE TRIGGER delivery_moves_along_its_arrows
    BEFORE UPDATE OF status ON segments_webhookdelivery
    FOR EACH ROW WHEN (
        NEW.status <> OLD.status
        AND (OLD.status IN ('completed', 'failed', 'cancelled')
             OR NEW.status NOT IN ('failed', 'cancelled'))
        AND (OLD.status, NEW.status) NOT IN (
            ('waiting', 'sending'),
            ('sending', 'completed')))
    EXECUTE FUNCTION segments_refuse_wrong_move('a webhook delivery');

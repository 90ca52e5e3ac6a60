-- A re-embedding moves along the arrows that `segments.reembedding.state` draws, whatever writes it.
-- Every open state may fail or be cancelled; a final one stays.
CREATE OR REPLACE TRIGGER reembedding_moves_along_its_arrows
    BEFORE UPDATE OF status ON segments_reembedding
    FOR EACH ROW WHEN (
        NEW.status <> OLD.status
        AND (OLD.status IN ('completed', 'failed', 'cancelled')
             OR NEW.status NOT IN ('failed', 'cancelled'))
        AND (OLD.status, NEW.status) NOT IN (
            ('waiting', 'embedding'),
            ('embedding', 'completed'),
            ('embedding', 'interrupted'),
            ('interrupted', 'embedding')))
    EXECUTE FUNCTION segments_refuse_wrong_move('a re-embedding');

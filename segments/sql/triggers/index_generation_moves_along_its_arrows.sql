-- A generation of an index moves along the arrows that `segments.indexing.state` draws, whoever
-- writes. Every open state may fail or be cancelled; a final one stays.
CREATE OR REPLACE TRIGGER index_generation_moves_along_its_arrows
    BEFORE UPDATE OF status ON segments_indexgeneration
    FOR EACH ROW WHEN (
        NEW.status <> OLD.status
        AND (OLD.status IN ('completed', 'failed', 'cancelled')
             OR NEW.status NOT IN ('failed', 'cancelled'))
        AND (OLD.status, NEW.status) NOT IN (
            ('waiting', 'building'),
            ('building', 'completed')))
    EXECUTE FUNCTION segments_refuse_wrong_move('an index');

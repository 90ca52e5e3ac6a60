-- A full-text rebuild moves along the arrows that `segments.rebuilding.state` draws, whoever writes.
-- Every open state may fail or be cancelled; a final one stays.
CREATE OR REPLACE TRIGGER rebuild_moves_along_its_arrows
    BEFORE UPDATE OF status ON segments_fulltextrebuild
    FOR EACH ROW WHEN (
        NEW.status <> OLD.status
        AND (OLD.status IN ('completed', 'failed', 'cancelled')
             OR NEW.status NOT IN ('failed', 'cancelled'))
        AND (OLD.status, NEW.status) NOT IN (
            ('waiting', 'rebuilding'),
            ('rebuilding', 'completed')))
    EXECUTE FUNCTION segments_refuse_wrong_move('a full-text rebuild');

-- An import moves along the arrows that `segments.imports.state` draws, whatever writes it. Every open
-- state may fail or be cancelled; a final one stays.
CREATE OR REPLACE TRIGGER import_moves_along_its_arrows
    BEFORE UPDATE OF status ON segments_importjob
    FOR EACH ROW WHEN (
        NEW.status <> OLD.status
        AND (OLD.status IN ('completed', 'failed', 'cancelled')
             OR NEW.status NOT IN ('failed', 'cancelled'))
        AND (OLD.status, NEW.status) NOT IN (
            ('waiting', 'preparing'),
            ('preparing', 'embedding'),
            ('embedding', 'publishing'),
            ('publishing', 'completed'),
            ('embedding', 'interrupted'),
            ('interrupted', 'embedding')))
    EXECUTE FUNCTION segments_refuse_wrong_move('an import');

-- A chunk moves along the arrows that `segments.imports.chunks` draws, whatever writes it.
CREATE OR REPLACE TRIGGER chunk_moves_along_its_arrows
    BEFORE UPDATE OF status ON segments_chunk
    FOR EACH ROW WHEN (
        NEW.status <> OLD.status
        AND (OLD.status, NEW.status) NOT IN (
            ('pending', 'running'),
            ('running', 'pending'), ('running', 'done'), ('running', 'dead')))
    EXECUTE FUNCTION segments_refuse_wrong_move('a chunk');

-- A segment whose text changes gets a new full-text entry.
CREATE OR REPLACE TRIGGER segment_full_text_on_update
    BEFORE UPDATE OF content, answer ON segments_documentsegment
    FOR EACH ROW WHEN (
        NEW.content IS DISTINCT FROM OLD.content OR NEW.answer IS DISTINCT FROM OLD.answer)
    EXECUTE FUNCTION segments_keep_full_text();

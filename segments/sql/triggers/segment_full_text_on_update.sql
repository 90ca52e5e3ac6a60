-- A segment whose text changes, or whose full-text entry was taken away, gets another one.
CREATE OR REPLACE TRIGGER segment_full_text_on_update
    BEFORE UPDATE OF content, answer, search_text, search_vector ON segments_documentsegment
    FOR EACH ROW WHEN (
        NEW.content IS DISTINCT FROM OLD.content OR NEW.answer IS DISTINCT FROM OLD.answer
        OR NEW.search_text IS DISTINCT FROM OLD.search_text OR NEW.search_vector IS NULL)
    EXECUTE FUNCTION segments_keep_full_text();

-- A new segment without a full-text entry gets one.
CREATE OR REPLACE TRIGGER segment_full_text_on_insert
    BEFORE INSERT ON segments_documentsegment
    FOR EACH ROW WHEN (NEW.search_vector IS NULL)
    EXECUTE FUNCTION segments_keep_full_text();

-- A segment whose text, vector, full-text entry, keywords or metadata change gets another version.
-- Its name comes after segment_full_text_on_update in the alphabet: it sees the entry that the
-- other one makes.
CREATE OR REPLACE TRIGGER segment_version_on_update
    BEFORE UPDATE ON segments_documentsegment
    FOR EACH ROW EXECUTE FUNCTION segments_draw_version();

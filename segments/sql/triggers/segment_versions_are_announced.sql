-- Whoever adds segments, or changes what an index holds of them, announces it first.
CREATE OR REPLACE TRIGGER segment_versions_are_announced
    BEFORE INSERT OR UPDATE OF content, answer, embedding, search_text, search_vector
    ON segments_documentsegment
    FOR EACH STATEMENT EXECUTE FUNCTION segments_announce_versions();

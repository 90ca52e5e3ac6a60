-- A dataset keeps its text search configuration for as long as it has segments.
CREATE OR REPLACE TRIGGER dataset_language_of_segments
    BEFORE UPDATE OF text_search_config ON datasets_dataset
    FOR EACH ROW WHEN (NEW.text_search_config <> OLD.text_search_config)
    EXECUTE FUNCTION segments_refuse_change_of_language();

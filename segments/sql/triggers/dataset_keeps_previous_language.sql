-- A dataset that has segments remembers what their full-text entries are made for.
CREATE OR REPLACE TRIGGER dataset_keeps_previous_language
    BEFORE UPDATE OF text_search_config, language ON datasets_dataset
    FOR EACH ROW WHEN (
        NEW.text_search_config <> OLD.text_search_config OR NEW.language <> OLD.language)
    EXECUTE FUNCTION segments_keep_previous_language();

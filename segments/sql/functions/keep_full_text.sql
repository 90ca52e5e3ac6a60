-- Creates the full-text entry of a segment that is written without one. Publishing writes its own.
CREATE OR REPLACE FUNCTION segments_keep_full_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_vector := segments_full_text(
        (SELECT text_search_config FROM datasets_dataset WHERE id = NEW.dataset_id),
        NEW.content, NEW.answer);
    RETURN NEW;
END
$$;

-- Notes what the full-text entries of a dataset's segments are made for when its language
-- changes: search asks for both until all have been made anew. A third language would be one too
-- many; going back is not. An import that publishes holds its dataset's row, so whoever waited for
-- it sees its segments here.
CREATE OR REPLACE FUNCTION segments_keep_previous_language() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM segments_documentsegment WHERE dataset_id = OLD.id) THEN
        RETURN NEW;
    END IF;
    IF OLD.previous_text_search_config <> ''
        AND (NEW.text_search_config, NEW.language)
            <> (OLD.previous_text_search_config, OLD.previous_language)
    THEN
        RAISE EXCEPTION 'full text of dataset % is being rebuilt', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END IF;
    NEW.previous_text_search_config := OLD.text_search_config;
    NEW.previous_language := OLD.language;
    RETURN NEW;
END
$$;

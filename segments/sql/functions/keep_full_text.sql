-- Makes the full-text entry of a segment whose writer brings none. Publishing brings it along.
-- A search text that stood in the place of a text that is another one now is of no use.
CREATE OR REPLACE FUNCTION segments_keep_full_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND starts_with(NEW.search_text, '=')
        AND NEW.search_text = OLD.search_text
        AND (NEW.content, NEW.answer) IS DISTINCT FROM (OLD.content, OLD.answer)
    THEN
        NEW.search_text := NULL;
    END IF;
    NEW.search_vector := segments_full_text(
        (SELECT text_search_config FROM datasets_dataset WHERE id = NEW.dataset_id),
        NEW.content, NEW.answer, NEW.search_text);
    RETURN NEW;
END
$$;
